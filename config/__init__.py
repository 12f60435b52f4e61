"""The configuration: one TOML file read into frozen, typed settings."""
