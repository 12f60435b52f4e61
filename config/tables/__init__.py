"""The tables of `gatepost.toml`, one module each: what it may hold, and what of it cannot be or is seldom meant."""
