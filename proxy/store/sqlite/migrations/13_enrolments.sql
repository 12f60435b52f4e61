CREATE TABLE enrolments (
    enrolment_id TEXT PRIMARY KEY,
    guid TEXT NOT NULL,
    realm TEXT NOT NULL,
    factor TEXT NOT NULL,
    name TEXT NOT NULL,
    made_at REAL NOT NULL,
    used_at REAL,
    sealed BLOB NOT NULL,
    counter INTEGER NOT NULL,
    lookup BLOB NOT NULL
) STRICT;

CREATE INDEX enrolments_by_guid ON enrolments (guid);

CREATE UNIQUE INDEX enrolments_by_lookup ON enrolments (lookup) WHERE lookup != x'';
