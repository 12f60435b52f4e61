CREATE TABLE delivery_failures (
    message_id TEXT PRIMARY KEY,
    failed_at REAL NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_failures_by_instant ON delivery_failures (failed_at);
