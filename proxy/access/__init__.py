"""What a session may reach: apps, groups, networks and schemes."""
