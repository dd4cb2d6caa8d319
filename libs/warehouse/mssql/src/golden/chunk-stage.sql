DROP TABLE IF EXISTS #raw;
DROP TABLE IF EXISTS #chunk;
CREATE TABLE #raw (ord int NOT NULL PRIMARY KEY, line nvarchar(max) NULL, c0 nvarchar(10) COLLATE Latin1_General_100_BIN2 NULL, c1 varchar(20) COLLATE Latin1_General_100_BIN2 NULL, c2 varchar(41) COLLATE Latin1_General_100_BIN2 NULL, c3 float NULL, c4 varbinary(max) NULL, c5 varchar(37) COLLATE Latin1_General_100_BIN2 NULL, c6 nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL);
CREATE TABLE #chunk (ord int NOT NULL PRIMARY KEY, line nvarchar(max) NULL, c0 nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, c1 bigint NOT NULL, c2 decimal(19,4) NULL, c3 float NULL, c4 varbinary(max) NULL, c5 datetimeoffset(7) NULL, c6 nvarchar(max) COLLATE DATABASE_DEFAULT NULL);
