ALTER TABLE sessions ADD COLUMN idle_seconds REAL;
