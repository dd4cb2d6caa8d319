-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE UNIQUE INDEX run_active ON elstream.run (pipeline, lane) WHERE state IN (N'pending', N'running')
