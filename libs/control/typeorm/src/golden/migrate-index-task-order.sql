-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX task_order ON elstream.task (run_id, ordinal) INCLUDE (kind, table_id)
