SELECT pipeline, value, capture FROM [elstream].[counter];
