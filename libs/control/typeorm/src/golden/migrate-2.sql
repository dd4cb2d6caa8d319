SELECT 1 AS found FROM sys.schemas WHERE name = @0
