"""Codes of an authenticator app (RFC 6238), as a second factor."""
