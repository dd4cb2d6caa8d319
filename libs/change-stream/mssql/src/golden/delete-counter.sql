DELETE FROM [elstream].[counter] WHERE pipeline = @pipeline;
