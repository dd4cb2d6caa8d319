-- https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-server-services-transact-sql
SELECT CONVERT(int, MAX(s.status)) AS status FROM sys.dm_server_services AS s WHERE s.servicename LIKE N'SQL Server Agent%'
