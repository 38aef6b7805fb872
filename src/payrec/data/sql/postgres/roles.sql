-- Three roles, each allowed only what its work needs, and the two schemas they work in. PostgreSQL only; run once by the owner of
-- the data, with psql -f; running it again changes nothing that is right already.
--
--   payrec_reader   reads the raw tables (schema payrec_raw), nothing else
--   payrec_writer   reads the raw tables; makes and fills tables in schema payrec, nowhere else      (the nightly run);
--                   in raw_events it adds and takes back the events of actions, which people recorded in the lists
--   payrec_app      reads what is published in schema payrec and adds to its ledger, nothing else    (the web app)
--
-- They are groups without a password. A person or program signs in as a member:
--   CREATE ROLE nightly LOGIN PASSWORD '…' IN ROLE payrec_writer;
--   ALTER ROLE nightly SET role = 'payrec_writer';   -- what it makes then belongs to the group, not to the one who made it
-- and with its schemas in the address:
--   load        postgresql://owner@host/name?schema=payrec_raw                (the owner of the data, who runs this file)
--   every night postgresql://nightly@host/name?schema=payrec,payrec_raw
--   web app     postgresql://dashboard@host/name?schema=payrec
-- Raw tables that are elsewhere already: put their schema in the place of payrec_raw.

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['payrec_reader', 'payrec_writer', 'payrec_app'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
    END LOOP;
    -- rows on their way into a table wait in a temporary one
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO payrec_writer', current_database());
    -- the owner of a schema is asked for as a member: makes it theirs, and lets the owner look after it
    IF NOT pg_has_role(current_user, 'payrec_writer', 'MEMBER') THEN
        EXECUTE format('GRANT payrec_writer TO %I', current_user);
    END IF;
END $roles$;

CREATE SCHEMA IF NOT EXISTS payrec_raw;
GRANT USAGE ON SCHEMA payrec_raw TO payrec_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA payrec_raw TO payrec_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA payrec_raw GRANT SELECT ON TABLES TO payrec_reader;

CREATE SCHEMA IF NOT EXISTS payrec AUTHORIZATION payrec_writer;
GRANT payrec_reader TO payrec_writer;

-- raw_events exists once the owner has loaded data: run this file again then, or let this line be run for a table of another schema
DO $events$
BEGIN
    IF to_regclass('payrec_raw.raw_events') IS NOT NULL THEN
        GRANT INSERT, DELETE ON payrec_raw.raw_events TO payrec_writer;
    END IF;
END $events$;

-- what is published is opened to the app by the writer, who owns it: see app_grants.sql
GRANT USAGE ON SCHEMA payrec TO payrec_app;
