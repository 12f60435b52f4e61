"""The report on mobile fields in its five forms. Each takes the findings and a text stream, and writes as it reads."""
