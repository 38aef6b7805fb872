-- Views of the worklist that people saved under a name: one row per save; rows are added. Spark; as 11_saved_views.postgres.sql.
-- Reads: nothing. Key: view_id, made by the caller. query: the filters as in the address of the page, NULL: the name is deleted.
-- Units: times in UTC without zone.

CREATE TABLE payrec_saved_views (
    view_id     VARCHAR(36)  NOT NULL PRIMARY KEY,
    saved_at    TIMESTAMP    NOT NULL,
    by          VARCHAR(200) NOT NULL,
    name        VARCHAR(100) NOT NULL,
    query       VARCHAR(4000)
);
