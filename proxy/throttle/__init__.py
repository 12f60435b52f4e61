"""How often a person, an address or a number may try or be sent something, and what is counted to know it."""
