-- JSON; empty: a session that is confined to nothing.
ALTER TABLE sessions ADD COLUMN confined TEXT NOT NULL DEFAULT '';
CREATE TABLE passes (
    pass_id TEXT PRIMARY KEY,
    guid TEXT NOT NULL,
    given_at REAL NOT NULL,
    ends_at REAL NOT NULL,
    digest BLOB NOT NULL,
    record TEXT NOT NULL,
    confirmed TEXT NOT NULL
) STRICT;
CREATE INDEX passes_by_guid ON passes (guid);
