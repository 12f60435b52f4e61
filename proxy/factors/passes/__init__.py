"""Passes: what somebody is given who has none of their second factors with them today."""
