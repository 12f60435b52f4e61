ALTER TABLE challenges ADD COLUMN number_digest BLOB NOT NULL DEFAULT x'';

CREATE TABLE familiar_addresses (
    person BLOB NOT NULL,
    address BLOB NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (person, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_numbers (
    guid TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL,
    used_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
