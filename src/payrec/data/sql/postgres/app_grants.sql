-- Opens what is published to the role of the web app, if there is one; run by payrec after it made or changed those tables.
-- PostgreSQL only. Tables are found by their name: payrec_… in the schema in use; the ledger can be added to, not changed.

DO $grants$
DECLARE
    found record;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'payrec_app') THEN
        RETURN;
    END IF;
    FOR found IN
        SELECT c.oid::regclass AS name, c.relname
        FROM pg_class AS c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'payrec\_%'
          AND pg_has_role(current_user, c.relowner, 'USAGE')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO payrec_app', found.name);
        IF found.relname = 'payrec_ledger' THEN
            EXECUTE format('GRANT INSERT ON %s TO payrec_app', found.name);
        END IF;
    END LOOP;
END $grants$;
