SELECT p.mapping FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table;
