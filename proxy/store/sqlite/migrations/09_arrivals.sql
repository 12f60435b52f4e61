CREATE TABLE arrivals (
    number INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    at REAL NOT NULL,
    seconds REAL NOT NULL
) STRICT;
CREATE INDEX arrivals_by_channel ON arrivals (channel);
