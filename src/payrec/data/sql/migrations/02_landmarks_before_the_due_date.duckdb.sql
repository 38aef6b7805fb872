-- Landmarks may lie before the due date. Every build writes the rows of this table again.
DROP TABLE landmarks;
CREATE TABLE landmarks (age_days INTEGER NOT NULL PRIMARY KEY CHECK (age_days >= -365));
