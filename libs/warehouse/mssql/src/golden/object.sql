SELECT o.object_id AS id, RTRIM(o.[type]) AS kind FROM sys.objects AS o WHERE o.object_id = OBJECT_ID(@name);
