-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX run_of_pipeline ON elstream.run (pipeline, seq DESC)
