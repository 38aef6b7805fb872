-- What a list was made of, beside the list: one row per part of a Parquet file, in the order of part.
-- Reads: nothing. Key: payrec_run_details (run_id, name, part).
-- Units: content in bytes.

CREATE TABLE payrec_run_details (
    run_id  VARCHAR(64) NOT NULL,
    name    VARCHAR(50) NOT NULL,
    part    BIGINT      NOT NULL,
    content BYTEA       NOT NULL,
    PRIMARY KEY (run_id, name, part)
);
