-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.pipeline_table (
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT pipeline_table_pipeline REFERENCES elstream.pipeline (name) ON DELETE CASCADE,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    ordinal int NOT NULL,
    mapping nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CONSTRAINT pipeline_table_key PRIMARY KEY CLUSTERED (pipeline, table_id))
