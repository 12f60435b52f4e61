CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    guid TEXT NOT NULL,
    principal TEXT NOT NULL,
    scheme TEXT NOT NULL,
    factors TEXT NOT NULL,
    password_proven_at REAL NOT NULL,
    passcode_proven_at REAL,
    created_at REAL NOT NULL,
    last_used_at REAL NOT NULL,
    client_address TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_guid ON sessions (guid);

CREATE TABLE cookies (
    cookie BLOB PRIMARY KEY,
    host TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX cookies_by_session ON cookies (session_id);

CREATE TABLE challenges (
    challenge_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    guid TEXT NOT NULL,
    digest BLOB NOT NULL,
    masked_destination TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    attempts_left INTEGER NOT NULL CHECK (attempts_left > 0),
    last_sent_at REAL NOT NULL,
    return_to TEXT NOT NULL,
    start_digest TEXT NOT NULL
) STRICT;
CREATE INDEX challenges_by_session ON challenges (session_id);

CREATE TABLE tickets (
    ticket BLOB PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    host TEXT NOT NULL,
    start_digest TEXT NOT NULL,
    return_to TEXT NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_session ON tickets (session_id);

CREATE TABLE counters (
    key BLOB PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0),
    window_ends_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
