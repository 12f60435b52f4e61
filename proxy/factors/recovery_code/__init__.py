"""Recovery codes: a second factor on paper, for the day on which the others fail."""
