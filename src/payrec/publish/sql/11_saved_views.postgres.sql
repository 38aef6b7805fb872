-- Views of the worklist that people saved under a name: one row per save; rows are added through one function. PostgreSQL only.
-- Reads: nothing. Key: view_id, made by the caller. query: the filters as in the address of the page, NULL: the name is deleted.
-- Units: times in UTC without zone. The server records the sign-in; for a role that does not own the table also the time.

DO $views$
DECLARE
    schema_name TEXT := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('payrec_ledger'));
BEGIN
    EXECUTE format(
        $make$
        CREATE TABLE %s.payrec_saved_views (
            view_id     VARCHAR(36)  NOT NULL PRIMARY KEY,
            saved_at    TIMESTAMP    NOT NULL,
            by          VARCHAR(200) NOT NULL,
            name        VARCHAR(100) NOT NULL,
            query       VARCHAR(4000),
            recorded_by VARCHAR(200) NOT NULL
        )
        $make$,
        schema_name
    );
    EXECUTE format(
        $make$
        CREATE FUNCTION %1$s.payrec_save_view(view_id TEXT, saved_at TIMESTAMP, by TEXT, name TEXT, query TEXT) RETURNS BOOLEAN
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $function$
        DECLARE
            taken_at TIMESTAMP := timezone('UTC', clock_timestamp());
            added BIGINT;
        BEGIN
            IF pg_has_role(session_user, current_user, 'MEMBER') THEN
                taken_at := saved_at;
            END IF;
            INSERT INTO %1$s.payrec_saved_views VALUES (view_id, taken_at, by, name, query, session_user)
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS added = ROW_COUNT;
            RETURN added > 0;
        END
        $function$
        $make$,
        schema_name
    );
    EXECUTE format('REVOKE ALL ON FUNCTION %s.payrec_save_view(TEXT, TIMESTAMP, TEXT, TEXT, TEXT) FROM PUBLIC', schema_name);
END $views$;
