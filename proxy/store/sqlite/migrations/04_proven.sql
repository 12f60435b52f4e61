ALTER TABLE sessions ADD COLUMN proven TEXT NOT NULL DEFAULT '';

UPDATE sessions SET proven = CASE WHEN passcode_proven_at IS NULL
    THEN json_array(json_array('password', password_proven_at))
    ELSE json_array(json_array('password', password_proven_at), json_array('sms', passcode_proven_at))
    END;
ALTER TABLE sessions DROP COLUMN passcode_proven_at;
ALTER TABLE sessions DROP COLUMN password_proven_at;
