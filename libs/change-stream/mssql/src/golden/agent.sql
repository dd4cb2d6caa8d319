SELECT s.status_desc AS status FROM sys.dm_server_services AS s WHERE s.servicename LIKE N'SQL Server Agent%';
