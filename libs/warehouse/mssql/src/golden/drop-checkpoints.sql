DELETE FROM elstream.[checkpoint] WHERE pipeline = @pipeline AND [partition] IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@partitions) AS j);
