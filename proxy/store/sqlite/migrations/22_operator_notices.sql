CREATE TABLE operator_notices (
    place INTEGER PRIMARY KEY CHECK (place = 1),
    text TEXT NOT NULL,
    ends_at REAL
) STRICT;
