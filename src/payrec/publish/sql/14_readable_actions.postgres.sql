-- An action that a role may add (payrec_app, through payrec_add_action) is one that every reader can read. PostgreSQL only.
-- Reads: nothing. Key: payrec_actions (action_id). The rules are those of publish/actions.py.
-- Units: times in UTC without zone, amount in units of currency. Rows that are there already are not checked.

DO $actions$
DECLARE
    schema_name TEXT := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('payrec_ledger'));
BEGIN
    EXECUTE format(
        $alter$
        ALTER TABLE %s.payrec_actions ADD CONSTRAINT payrec_actions_readable CHECK (
            action_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            AND by <> '' AND customer_id <> ''
            AND length(order_ids) <= 1000000
            AND jsonb_typeof(order_ids::jsonb) = 'array'
            AND NOT jsonb_path_exists(order_ids::jsonb, 'strict $[*] ? (@.type() != "string")')
            AND at BETWEEN '0001-01-01' AND '9999-12-31'
            AND recorded_at BETWEEN '0001-01-01' AND '9999-12-31'
            AND (until IS NULL OR until BETWEEN CAST(at AS DATE) AND DATE '2199-12-31')
            AND (amount IS NULL OR amount < 'NaN')
            AND (kind NOT IN ('contacted', 'assigned', 'undone') OR outcome IS NOT NULL)
            AND (kind <> 'promised' OR (amount IS NOT NULL AND currency IS NOT NULL))
            AND (kind NOT IN ('promised', 'snoozed') OR until IS NOT NULL)
            AND (kind <> 'note' OR note IS NOT NULL)
        ) NOT VALID
        $alter$,
        schema_name
    );
END $actions$;
