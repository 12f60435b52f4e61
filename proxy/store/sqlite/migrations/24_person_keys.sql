CREATE TABLE person_keys (
    place INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL,
    owner BLOB NOT NULL,
    month TEXT NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX person_keys_by_id ON person_keys (key_id) WHERE month != '0000-00';

CREATE UNIQUE INDEX person_keys_by_owner ON person_keys (owner, month) WHERE month != '0000-00';

CREATE INDEX person_keys_by_month ON person_keys (month);
