"""What may be asked and done about a person by those who look after people: by commands, and on the admin pages."""
