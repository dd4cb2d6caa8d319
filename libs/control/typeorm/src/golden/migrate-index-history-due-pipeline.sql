-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX history_due_pipeline ON elstream.history_due (pipeline, id)
