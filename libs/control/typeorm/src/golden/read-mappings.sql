SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [PipelineTable].[pipeline] AS [PipelineTable_pipeline], [PipelineTable].[table_id] AS [PipelineTable_table_id], [PipelineTable].[ordinal] AS [PipelineTable_ordinal], [PipelineTable].[mapping] AS [PipelineTable_mapping] FROM [elstream].[pipeline_table] [PipelineTable] WHERE (([PipelineTable].[pipeline] = @0)) ORDER BY [PipelineTable].[ordinal] ASC
