"""The admin pages: why somebody cannot sign in, what did not arrive, whose mobile field is wrong, what works."""
