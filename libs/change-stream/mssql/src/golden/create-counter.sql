IF OBJECT_ID(N'[se]]l].[o''rd]]er]', N'U') IS NULL
  CREATE TABLE [se]]l].[o'rd]]er] (
    pipeline  nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    value     bigint NOT NULL,
    raised_at datetime2(3) NOT NULL,
    capture   nvarchar(max) NULL
  );
