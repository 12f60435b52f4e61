CREATE TABLE sendings (
    message_id TEXT PRIMARY KEY,
    challenge_id TEXT NOT NULL,
    sent_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sendings_by_challenge ON sendings (challenge_id);
