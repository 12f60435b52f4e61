"""Gatepost itself: the forwarding plane, the portal, and what they decide with."""

__version__ = "0.1.0"
"""`pyproject.toml` reads it here: an image holds no metadata of the distribution."""
