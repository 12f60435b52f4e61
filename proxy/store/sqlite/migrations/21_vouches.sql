CREATE TABLE vouches (
    guid TEXT PRIMARY KEY,
    vouch_id TEXT NOT NULL,
    asked_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    record TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT;
