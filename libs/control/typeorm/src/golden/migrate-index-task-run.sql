-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX task_run ON elstream.task (run_id, kind, state) INCLUDE (table_id, ordinal, [rows])
