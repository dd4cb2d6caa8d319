SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @added int = 0;
BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'elstream:history:elstream_change_c8082f3db458b9a4', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
DELETE FROM elstream.history_due WHERE pipeline = @pipeline AND id IN (SELECT CONVERT(bigint, j.[value]) FROM OPENJSON(@settles) AS j);
COMMIT TRANSACTION;
SELECT N'merged' AS outcome, @added AS added;
