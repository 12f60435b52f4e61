CREATE TABLE decisions (
    name BLOB PRIMARY KEY,
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    forgotten_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_end ON decisions (forgotten_at);
CREATE TABLE rehearsed (
    digest BLOB PRIMARY KEY,
    forgotten_at REAL NOT NULL
) STRICT;
