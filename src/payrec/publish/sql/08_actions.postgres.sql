-- What people did with a customer: one row per action; rows are added through one function, and never changed. PostgreSQL only.
-- Reads: nothing. Key: action_id, made by the caller. Each column as in publish/actions.py; order_ids is a JSON list.
-- Units: times in UTC without zone, amount in units of currency. The server records the sign-in; for a role that does not own the
-- table (payrec_app) also the time, so that what it adds is known from then on and no earlier.

DO $actions$
DECLARE
    schema_name TEXT := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('payrec_ledger'));
BEGIN
    EXECUTE format(
        $make$
        CREATE TABLE %s.payrec_actions (
            action_id   VARCHAR(36)   NOT NULL PRIMARY KEY,
            at          TIMESTAMP     NOT NULL,
            by          VARCHAR(200)  NOT NULL,
            customer_id VARCHAR(200)  NOT NULL,
            kind        VARCHAR(20)   NOT NULL CHECK (kind IN (
                'contacted', 'promised', 'disputed', 'dispute_solved', 'snoozed', 'assigned', 'note', 'do_not_contact', 'undone')),
            order_ids   VARCHAR       NOT NULL,
            channel     VARCHAR(200),
            outcome     VARCHAR(200),
            amount      DECIMAL(18, 2) CHECK (amount > 0),
            currency    VARCHAR(200),
            until       DATE,
            note        VARCHAR(1000),
            recorded_at TIMESTAMP     NOT NULL,
            recorded_by VARCHAR(200)  NOT NULL
        )
        $make$,
        schema_name
    );
    EXECUTE format('CREATE INDEX payrec_actions_of_customer ON %s.payrec_actions (customer_id)', schema_name);
    EXECUTE format('CREATE INDEX payrec_actions_recorded ON %s.payrec_actions (recorded_at)', schema_name);
    EXECUTE format(
        $make$
        CREATE FUNCTION %1$s.payrec_add_action(
            action_id TEXT, at TIMESTAMP, by TEXT, customer_id TEXT, kind TEXT, order_ids TEXT, channel TEXT, outcome TEXT,
            amount DECIMAL, currency TEXT, until DATE, note TEXT, recorded_at TIMESTAMP
        ) RETURNS BOOLEAN
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $function$
        DECLARE
            taken_at TIMESTAMP := timezone('UTC', clock_timestamp());
            added BIGINT;
        BEGIN
            IF pg_has_role(session_user, current_user, 'MEMBER') THEN
                taken_at := recorded_at;
            END IF;
            IF NOT isfinite(taken_at) OR at NOT BETWEEN '0001-01-01' AND taken_at + INTERVAL '1' DAY THEN
                RAISE EXCEPTION 'the time of an action is %%, expected a time up to now', at
                    USING ERRCODE = 'datetime_field_overflow';
            END IF;
            INSERT INTO %1$s.payrec_actions
            VALUES (action_id, at, by, customer_id, kind, order_ids, channel, outcome, amount, currency, until, note,
                    taken_at, session_user)
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS added = ROW_COUNT;
            RETURN added > 0;
        END
        $function$
        $make$,
        schema_name
    );
    EXECUTE format(
        'REVOKE ALL ON FUNCTION %s.payrec_add_action(TEXT, TIMESTAMP, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, DECIMAL, TEXT, DATE, '
        'TEXT, TIMESTAMP) FROM PUBLIC', schema_name
    );
END $actions$;
