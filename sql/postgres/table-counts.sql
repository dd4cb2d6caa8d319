-- How many rows each table of a schema has. Run it against both sides and compare:
--
--   psql "$SOURCE_URL"    -f table-counts.sql
--   psql "$WAREHOUSE_URL" -f table-counts.sql
--
-- The schema is inventory unless told otherwise, here with a warehouse schema of another name:
--
--   psql "$WAREHOUSE_URL" -c "SET table_counts.schema = 'wh'" -f table-counts.sql
--
-- Plain SQL, exact counts, each table read once; any client can run it. While changes flow the two sides differ by what
-- is in flight, and the warehouse keeps history tables that the source may not have: a validation run knows better.

SELECT table_name,
       (xpath('/row/rows/text()', query_to_xml(format('SELECT count(*) AS rows FROM %I.%I', table_schema, table_name), false, true, '')))[1]::text::bigint AS rows
  FROM information_schema.tables
 WHERE table_schema = coalesce(nullif(current_setting('table_counts.schema', true), ''), 'inventory')
   AND table_type = 'BASE TABLE'
 ORDER BY table_name;
