-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-index-transact-sql
CREATE INDEX run_event_of_run ON elstream.run_event (run_id, id)
