SELECT * FROM [warehouse].[elstream].[migration] [migration] ORDER BY [id] DESC
