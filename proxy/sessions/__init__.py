"""Sessions: their state, their cookies, and the tickets that hand them to an app's host."""
