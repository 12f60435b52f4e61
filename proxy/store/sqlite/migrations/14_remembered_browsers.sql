CREATE TABLE remembered_browsers (
    name TEXT PRIMARY KEY,
    guid TEXT NOT NULL,
    digest BLOB NOT NULL,
    former BLOB NOT NULL,
    used_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX remembered_browsers_by_guid ON remembered_browsers (guid);
