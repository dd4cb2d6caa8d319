INSERT INTO [warehouse].[elstream].[migration]([timestamp], [name]) VALUES (@0, @1)
