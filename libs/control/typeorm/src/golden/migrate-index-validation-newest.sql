-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX validation_newest ON elstream.validation (pipeline, table_id, seq DESC)
