-- Run once, by the image, when the cluster is made: the role that the services are, and its database.
-- The superuser stays within the container.
\set password `cat /run/secrets/database_password`
CREATE ROLE gemba LOGIN PASSWORD :'password';
-- The role under which customers' requests read: it owns nothing, and gemba may take it on.
CREATE ROLE gemba_customer NOLOGIN;
GRANT gemba_customer TO gemba;
-- Who shall read the reports' views by SQL is given this role (docs/howto/reports.md).
CREATE ROLE gemba_reader NOLOGIN;
-- Not from template1: TimescaleDB's workers may be at work there.
CREATE DATABASE gemba OWNER gemba TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE gemba FROM PUBLIC;
\connect gemba
SELECT count(*) > 0 AS timescaledb FROM pg_available_extensions WHERE name = 'timescaledb' \gset
\if :timescaledb
CREATE EXTENSION timescaledb;
\endif
