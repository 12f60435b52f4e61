CREATE TABLE store_file (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    store_id TEXT NOT NULL,
    made_at REAL NOT NULL,
    all_ended_at REAL NOT NULL DEFAULT 0.0,
    is_doubted INTEGER NOT NULL DEFAULT 0,
    tried BLOB NOT NULL DEFAULT x''
) STRICT;

-- A file that held sessions before it had an id may be a copy from before them all.
INSERT INTO store_file (number, store_id, made_at) SELECT 1, lower(hex(randomblob(16))),
    CASE WHEN EXISTS (SELECT 1 FROM sessions) THEN 0.0 ELSE (julianday('now') - 2440587.5) * 86400.0 END;
CREATE TABLE predecessors (store_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE flushes (worker TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
