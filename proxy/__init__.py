"""Gatepost itself: the forwarding plane, the portal, and what they decide with."""
