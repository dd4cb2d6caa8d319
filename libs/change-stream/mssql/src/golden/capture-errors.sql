SELECT TOP (1) e.error_number AS number, e.phase_number AS phase FROM sys.dm_cdc_errors AS e ORDER BY e.entry_time DESC;
