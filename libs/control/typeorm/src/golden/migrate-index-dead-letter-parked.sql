-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX dead_letter_parked ON elstream.dead_letter (pipeline, table_id, code) WHERE state = N'parked'
