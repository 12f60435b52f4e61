"""The audit: what happened, to be proved later, and forgotten in time."""
