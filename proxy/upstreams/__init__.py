"""The servers behind: connections to them are chosen, made, checked and used again."""
