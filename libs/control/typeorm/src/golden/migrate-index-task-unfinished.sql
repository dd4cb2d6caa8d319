-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX task_unfinished ON elstream.task (state, created_at, ordinal) WHERE state IN (N'pending', N'running')
