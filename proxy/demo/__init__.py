"""Everything `gatepost demo` embeds: local users, a pretend phone, a protected app."""
