-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX dead_letter_newest ON elstream.dead_letter (pipeline, seq DESC)
