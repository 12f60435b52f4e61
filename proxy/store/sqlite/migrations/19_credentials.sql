CREATE TABLE credentials (
    credential_id TEXT PRIMARY KEY,
    guid TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    made_at REAL NOT NULL,
    ends_at REAL NOT NULL,
    used_at REAL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX credentials_by_guid ON credentials (guid);
