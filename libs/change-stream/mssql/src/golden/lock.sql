-- https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
DECLARE @result int;
EXEC @result = sys.sp_getapplock @Resource = N'elstream capture', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 60000;
SELECT @result AS result;
