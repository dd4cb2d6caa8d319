-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
DECLARE @won int;
UPDATE [elstream].[lease] WITH (UPDLOCK, ROWLOCK)
   SET holder = @1, expires_at = DATEADD(millisecond, @2, SYSUTCDATETIME())
 WHERE role = @0 AND (holder = @1 OR expires_at <= SYSUTCDATETIME() OR @3 = 1);
SET @won = @@ROWCOUNT;
IF @won = 0
BEGIN
  INSERT INTO [elstream].[lease] (role, holder, expires_at)
  SELECT @0, @1, DATEADD(millisecond, @2, SYSUTCDATETIME())
   WHERE NOT EXISTS (SELECT 1 FROM [elstream].[lease] WITH (UPDLOCK, HOLDLOCK) WHERE role = @0);
  SET @won = @@ROWCOUNT;
END;
SELECT @won AS won;
