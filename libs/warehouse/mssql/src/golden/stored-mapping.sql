SELECT p.mapping, CONVERT(varchar(64), HASHBYTES('SHA2_256', p.mapping), 2) AS hash FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table;
