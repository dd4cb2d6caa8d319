-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX schema_change_table ON elstream.schema_change (pipeline, table_id, seq DESC)
