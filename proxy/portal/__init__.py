"""The pages a person reads: sign-in, passcode, sign-out, errors."""
