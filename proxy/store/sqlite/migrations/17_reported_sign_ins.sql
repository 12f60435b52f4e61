CREATE TABLE reported_sign_ins (
    guid TEXT PRIMARY KEY,
    realm TEXT NOT NULL,
    username TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
