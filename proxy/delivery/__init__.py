"""How a passcode reaches a person."""
