-- The sample source in database testDB: products, products_on_hand, customers and orders of the well-known tutorial, each
-- system-versioned (superseded versions in <table>_archive), captured by CDC, with elstream's captured counter table.
--
-- May be run again at any time, also over data: nothing is dropped, changed or inserted a second time.
-- SQL Server 2019 or later, Agent running, as a member of sysadmin (CDC is enabled on the database).
--   sqlcmd -S host -U sa -C -b -i inventory.sql      or in SSMS as it is

-- sqlcmd begins with QUOTED_IDENTIFIER OFF, under which system-versioned tables cannot be made.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
SET NOCOUNT ON;
GO
IF DB_ID(N'testDB') IS NULL CREATE DATABASE testDB;
GO
-- Chunks are read of one moment each, without locks that the application would feel; the connector reads so as well.
-- https://learn.microsoft.com/sql/t-sql/statements/alter-database-transact-sql-set-options
IF (SELECT snapshot_isolation_state FROM sys.databases WHERE name = N'testDB') = 0 ALTER DATABASE testDB SET ALLOW_SNAPSHOT_ISOLATION ON;
GO
USE testDB;
GO
-- SSMS goes on behind an error; so nothing is executed then, up to the last line.
IF DB_NAME() <> N'testDB' SET NOEXEC ON;
GO
IF (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID()) = 0 EXEC sys.sp_cdc_enable_db;
GO
-- Who may read the captured changes; Debezium's user becomes a member (grants.sql).
IF DATABASE_PRINCIPAL_ID(N'elstream_cdc') IS NULL CREATE ROLE elstream_cdc;
GO
IF SCHEMA_ID(N'elstream') IS NULL EXEC (N'CREATE SCHEMA elstream');
GO
-- elstream raises the counter of its pipeline here; a number that never arrives is how a hole in the capture is noticed.
-- This very table it makes itself where it may (docs/sql-server.md, Counter table).
IF OBJECT_ID(N'[elstream].[counter]', N'U') IS NULL
  CREATE TABLE [elstream].[counter] (
    pipeline  nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    value     bigint NOT NULL,
    raised_at datetime2(3) NOT NULL,
    capture   nvarchar(max) NULL
  );
GO

-- The order matters: tables that others refer to come first. The history tables are indexed along the key: SQL Server makes
-- an index along the period only, and elstream asks for the versions of keys.
-- https://learn.microsoft.com/sql/relational-databases/tables/creating-a-system-versioned-temporal-table
IF OBJECT_ID(N'dbo.products', N'U') IS NULL
  CREATE TABLE dbo.products (
    id          int IDENTITY(101, 1) NOT NULL CONSTRAINT products_key PRIMARY KEY,
    name        varchar(255) NOT NULL,
    description varchar(512) NULL,
    weight      float NULL,
    valid_from  datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL,
    valid_to    datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
    PERIOD FOR SYSTEM_TIME (valid_from, valid_to)
  ) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.products_archive));
GO
-- https://learn.microsoft.com/sql/relational-databases/tables/creating-a-system-versioned-temporal-table
IF OBJECT_ID(N'dbo.products_on_hand', N'U') IS NULL
  CREATE TABLE dbo.products_on_hand (
    product_id int NOT NULL CONSTRAINT products_on_hand_key PRIMARY KEY CONSTRAINT products_on_hand_product REFERENCES dbo.products (id),
    quantity   int NOT NULL,
    valid_from datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL,
    valid_to   datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
    PERIOD FOR SYSTEM_TIME (valid_from, valid_to)
  ) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.products_on_hand_archive));
GO
-- https://learn.microsoft.com/sql/relational-databases/tables/creating-a-system-versioned-temporal-table
IF OBJECT_ID(N'dbo.customers', N'U') IS NULL
  CREATE TABLE dbo.customers (
    id         int IDENTITY(1001, 1) NOT NULL CONSTRAINT customers_key PRIMARY KEY,
    first_name varchar(255) NOT NULL,
    last_name  varchar(255) NOT NULL,
    email      varchar(255) NOT NULL CONSTRAINT customers_email UNIQUE,
    valid_from datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL,
    valid_to   datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
    PERIOD FOR SYSTEM_TIME (valid_from, valid_to)
  ) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.customers_archive));
GO
-- https://learn.microsoft.com/sql/relational-databases/tables/creating-a-system-versioned-temporal-table
IF OBJECT_ID(N'dbo.orders', N'U') IS NULL
  CREATE TABLE dbo.orders (
    id         int IDENTITY(10001, 1) NOT NULL CONSTRAINT orders_key PRIMARY KEY,
    order_date date NOT NULL,
    purchaser  int NOT NULL CONSTRAINT orders_purchaser REFERENCES dbo.customers (id),
    quantity   int NOT NULL,
    product_id int NOT NULL CONSTRAINT orders_product REFERENCES dbo.products (id),
    valid_from datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL,
    valid_to   datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
    PERIOD FOR SYSTEM_TIME (valid_from, valid_to)
  ) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.orders_archive));
GO

IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.products_archive') AND name = N'products_archive_key')
  CREATE INDEX products_archive_key ON dbo.products_archive (id);
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.products_on_hand_archive') AND name = N'products_on_hand_archive_key')
  CREATE INDEX products_on_hand_archive_key ON dbo.products_on_hand_archive (product_id);
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.customers_archive') AND name = N'customers_archive_key')
  CREATE INDEX customers_archive_key ON dbo.customers_archive (id);
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.orders_archive') AND name = N'orders_archive_key')
  CREATE INDEX orders_archive_key ON dbo.orders_archive (id);
GO

-- Captured before they get their rows, so that the sample has changes to show. CDC captures the current table alone: what
-- SQL Server moves to the history table elstream copies from there.
DECLARE @captured TABLE (source_schema sysname NOT NULL, source_name sysname NOT NULL);
INSERT INTO @captured (source_schema, source_name) VALUES
  (N'dbo', N'products'), (N'dbo', N'products_on_hand'), (N'dbo', N'customers'), (N'dbo', N'orders'), (N'elstream', N'counter');
DECLARE @schema sysname, @name sysname;
WHILE EXISTS (SELECT 1 FROM @captured)
BEGIN
  SELECT TOP (1) @schema = c.source_schema, @name = c.source_name FROM @captured AS c ORDER BY c.source_schema, c.source_name;
  IF NOT EXISTS (SELECT 1 FROM cdc.change_tables AS t WHERE t.source_object_id = OBJECT_ID(QUOTENAME(@schema) + N'.' + QUOTENAME(@name)))
    EXEC sys.sp_cdc_enable_table @source_schema = @schema, @source_name = @name, @role_name = N'elstream_cdc', @supports_net_changes = 0;
  DELETE FROM @captured WHERE source_schema = @schema AND source_name = @name;
END;
GO

SET XACT_ABORT ON;
BEGIN TRANSACTION;
-- Two runs at once wait for each other, and the second finds the rows.
IF NOT EXISTS (SELECT 1 FROM dbo.products WITH (UPDLOCK, HOLDLOCK))
BEGIN
  SET IDENTITY_INSERT dbo.products ON;
  INSERT INTO dbo.products (id, name, description, weight) VALUES
    (101, 'scooter', 'Small 2-wheel scooter', 3.14),
    (102, 'car battery', '12V car battery', 8.1),
    (103, '12-pack drill bits', '12-pack of drill bits with sizes ranging from #40 to #3', 0.8),
    (104, 'hammer', '12oz carpenter''s hammer', 0.75),
    (105, 'hammer', '14oz carpenter''s hammer', 0.875),
    (106, 'hammer', '16oz carpenter''s hammer', 1.0),
    (107, 'rocks', 'box of assorted rocks', 5.3),
    (108, 'jacket', 'water resistent black wind breaker', 0.1),
    (109, 'spare tire', '24 inch spare tire', 22.2);
  SET IDENTITY_INSERT dbo.products OFF;
  INSERT INTO dbo.products_on_hand (product_id, quantity) VALUES
    (101, 3), (102, 8), (103, 18), (104, 4), (105, 5), (106, 0), (107, 44), (108, 2), (109, 5);
  SET IDENTITY_INSERT dbo.customers ON;
  INSERT INTO dbo.customers (id, first_name, last_name, email) VALUES
    (1001, 'Sally', 'Thomas', 'sally.thomas@acme.com'),
    (1002, 'George', 'Bailey', 'gbailey@foobar.com'),
    (1003, 'Edward', 'Walker', 'ed@walker.com'),
    (1004, 'Anne', 'Kretchmar', 'annek@noanswer.org');
  SET IDENTITY_INSERT dbo.customers OFF;
  SET IDENTITY_INSERT dbo.orders ON;
  INSERT INTO dbo.orders (id, order_date, purchaser, quantity, product_id) VALUES
    (10001, '2016-01-16', 1001, 1, 102),
    (10002, '2016-01-17', 1002, 2, 105),
    (10003, '2016-02-19', 1002, 2, 106),
    (10004, '2016-02-21', 1003, 1, 107);
  SET IDENTITY_INSERT dbo.orders OFF;
END;
COMMIT;
GO
SET NOEXEC OFF;
GO
