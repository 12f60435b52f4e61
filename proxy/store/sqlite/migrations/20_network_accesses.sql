CREATE TABLE network_accesses (
    session_id TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
