"""What a factor is and what proves it: a folder for each kind of second factor, and the challenge they share."""
