-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX task_pending ON elstream.task (run_id, kind, ordinal) WHERE state = N'pending'
