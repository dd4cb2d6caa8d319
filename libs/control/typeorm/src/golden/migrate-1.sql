-- https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
DECLARE @result int;
EXEC @result = sp_getapplock @Resource = N'elstream.migration', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 60000;
SELECT @result AS result;
