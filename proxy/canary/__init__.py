"""The canary: passcodes to the operator, so that somebody knows whether those of people arrive."""
