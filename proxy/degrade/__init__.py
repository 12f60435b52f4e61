"""Degrade by choice: what the operator has put in force for some hours, and what follows from it."""
