-- NULL: written before it was kept. Empty: nothing is sent.
ALTER TABLE challenges ADD COLUMN kind TEXT;
