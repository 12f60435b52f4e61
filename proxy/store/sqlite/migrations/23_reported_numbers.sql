CREATE TABLE reported_numbers (
    guid TEXT PRIMARY KEY,
    realm TEXT NOT NULL,
    username TEXT NOT NULL,
    number BLOB NOT NULL,
    masked TEXT NOT NULL,
    changed_at REAL,
    at REAL NOT NULL
) STRICT;
CREATE TABLE sweeps (
    made_at REAL PRIMARY KEY,
    persons INTEGER NOT NULL,
    unusable INTEGER NOT NULL
) STRICT;
