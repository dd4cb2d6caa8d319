ALTER TABLE [elstream].[counter] ADD capture nvarchar(max) NULL;
