-- The server numbers the entries of the ledger, and takes them through one function. PostgreSQL only.
-- Whoever may publish may add any entry; another role that may call the function (payrec_app) adds exports and downloads alone,
-- which no run reads. A number may be left out or come into sight after a greater one: only the entries of runs need an order.

DO $ledger$
DECLARE
    schema_name TEXT := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('payrec_ledger'));
BEGIN
    EXECUTE format('ALTER TABLE %s.payrec_ledger ALTER COLUMN entry_no ADD GENERATED ALWAYS AS IDENTITY', schema_name);
    EXECUTE format(
        'SELECT setval(pg_get_serial_sequence(%L, ''entry_no''), COALESCE(MAX(entry_no), 0) + 1, false) FROM %s.payrec_ledger',
        schema_name || '.payrec_ledger', schema_name
    );
    EXECUTE format(
        $alter$
        ALTER TABLE %s.payrec_ledger
            ALTER COLUMN recorded_at SET DEFAULT pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()),
            ALTER COLUMN recorded_by SET DEFAULT session_user
        $alter$,
        schema_name
    );
    EXECUTE format(
        $make$
        CREATE FUNCTION %1$s.payrec_add_entry(
            happened_at TIMESTAMP, who TEXT, what TEXT, subject TEXT, status TEXT, detail TEXT
        ) RETURNS BIGINT
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $function$
        DECLARE
            number BIGINT;
        BEGIN
            IF what NOT IN ('export', 'download') AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
                RAISE EXCEPTION 'permission denied: %% may add exports to the ledger, not %%', session_user, what
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            IF NOT isfinite(happened_at) OR happened_at NOT BETWEEN '0001-01-01' AND '9999-12-31' THEN
                RAISE EXCEPTION 'the time of an entry is %%, expected a year from 1 to 9999', happened_at
                    USING ERRCODE = 'datetime_field_overflow';
            END IF;
            INSERT INTO %1$s.payrec_ledger (happened_at, who, what, subject, status, detail)
            VALUES (happened_at, who, what, subject, status, detail)
            RETURNING entry_no INTO number;
            RETURN number;
        END
        $function$
        $make$,
        schema_name
    );
    EXECUTE format(
        'REVOKE ALL ON FUNCTION %s.payrec_add_entry(TIMESTAMP, TEXT, TEXT, TEXT, TEXT, TEXT) FROM PUBLIC', schema_name
    );
END $ledger$;
