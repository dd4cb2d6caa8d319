EXEC sys.sp_releaseapplock @Resource = N'elstream capture', @LockOwner = N'Session';
