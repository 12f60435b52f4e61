"""The sign-in as JSON, for native clients and scripts."""
