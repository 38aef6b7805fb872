-- Opens what is published to the role of the web app, if there is one; run by payrec after it made or changed those tables.
-- PostgreSQL only. Tables are recognised by their name: payrec_… in the schema in use. The role writes to none of them: entries of
-- the ledger and actions go through functions. That of the ledger takes exports and downloads from it, and nothing that a run reads;
-- those of actions and of saved views record the time and the sign-in by themselves.

DO $grants$
DECLARE
    target record;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'payrec_app') THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT c.oid::regclass AS name
        FROM pg_class AS c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'payrec\_%'
          AND pg_has_role(current_user, c.relowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM payrec_app', target.name);
        EXECUTE format('GRANT SELECT ON %s TO payrec_app', target.name);
    END LOOP;
    FOR target IN
        SELECT p.oid::regprocedure AS name
        FROM pg_proc AS p
        WHERE p.pronamespace = current_schema()::regnamespace
          AND p.proname IN ('payrec_add_entry', 'payrec_add_action', 'payrec_save_view')
          AND pg_has_role(current_user, p.proowner, 'USAGE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO payrec_app', target.name);
    END LOOP;
END $grants$;
