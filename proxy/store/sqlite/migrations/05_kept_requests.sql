CREATE TABLE former_cookies (
    cookie BLOB PRIMARY KEY,
    host TEXT NOT NULL,
    guid TEXT NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_requests (
    digest BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    expires_at REAL NOT NULL
) STRICT;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    ends_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: no number is used twice, so a process that heard of one knows what it has missed.
CREATE TABLE notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    session_id TEXT NOT NULL,
    guid TEXT NOT NULL,
    told_by TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
