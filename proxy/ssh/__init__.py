"""The way in for SSH: a jump host that asks for a sign-in, and lets through to the targets that a person may reach."""
