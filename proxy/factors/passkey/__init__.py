"""Passkeys (WebAuthn, W3C): beside a password, or alone."""
