"""Whose access a configuration would change, told before it is in force; and who has access to what."""
