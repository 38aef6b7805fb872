-- Landmarks may lie before the due date.
ALTER TABLE IF EXISTS landmarks DROP CONSTRAINT IF EXISTS landmarks_age_days_check;
ALTER TABLE IF EXISTS landmarks ADD CONSTRAINT landmarks_age_days_check CHECK (age_days >= -365);
