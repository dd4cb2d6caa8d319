import { type TableName } from '@elstream/core';
import { BASE_TYPE } from './column-type';

/** One row of sys.objects that has rows or looks as if it had. */
export interface CatalogTable extends TableName {
  /** sys.objects.object_id, as text. */
  readonly id: string;
  /** U table, V view */
  readonly kind: string;
  /** 0 none, 1 the history of a system-versioned table, 2 system-versioned */
  readonly temporal: number;
  /** Of a system-versioned table: where its versions are. */
  readonly historySchema: string | null;
  readonly historyName: string | null;
  /** Of a history table: whose versions it holds. */
  readonly versionsOf: string | null;
  readonly memoryOptimized: boolean;
  readonly external: boolean;
  readonly fileTable: boolean;
  readonly graph: boolean;
  readonly columnstore: boolean;
  readonly captured: boolean;
  readonly estimatedRows: string | null;
}

/** Schemas of the system, of change data capture and our own. */
const OTHERS = `N'sys', N'INFORMATION_SCHEMA', N'cdc', N'elstream'`;

/** Every table and view outside the system's schemas that the login may see. */
export const LIST_TABLES = `
SELECT CONVERT(nvarchar(20), o.object_id) AS id, s.name AS [schema], o.name AS name, RTRIM(o.type) AS kind,
  CONVERT(int, ISNULL(t.temporal_type, 0)) AS temporal,
  OBJECT_SCHEMA_NAME(t.history_table_id) AS historySchema, OBJECT_NAME(t.history_table_id) AS historyName,
  (SELECT MIN(OBJECT_SCHEMA_NAME(v.object_id) + N'.' + v.name) FROM sys.tables AS v WHERE v.history_table_id = o.object_id) AS versionsOf,
  ISNULL(t.is_memory_optimized, 0) AS memoryOptimized, ISNULL(t.is_external, 0) AS [external], ISNULL(t.is_filetable, 0) AS fileTable,
  CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM sys.columns AS g WHERE g.object_id = o.object_id AND g.graph_type IS NOT NULL) THEN 1 ELSE 0 END) AS graph,
  CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i WHERE i.object_id = o.object_id AND i.type = 5) THEN 1 ELSE 0 END) AS columnstore,
  ISNULL(t.is_tracked_by_cdc, 0) AS captured,
  (SELECT CONVERT(nvarchar(20), SUM(p.rows)) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)) AS estimatedRows
FROM sys.objects AS o
  JOIN sys.schemas AS s ON s.schema_id = o.schema_id
  LEFT JOIN sys.tables AS t ON t.object_id = o.object_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND s.name NOT IN (${OTHERS})
ORDER BY s.name, o.name`;

export interface CatalogColumn {
  /** object_id of its table. */
  readonly table: string;
  readonly name: string;
  readonly base: string;
  readonly maxLength: number;
  readonly precision: number;
  readonly scale: number;
  readonly collation: string | null;
  readonly nullable: boolean;
  readonly computed: boolean;
  /** A sparse column set, which is the other columns once more. */
  readonly columnSet: boolean;
  /** 0 none, 1 row start, 2 row end; above: of a ledger table */
  readonly generated: number;
  /** Dynamic data masking; false also where the login may see the values of this table (SQL Server 2022 and later). */
  readonly masked: boolean;
  readonly encrypted: boolean;
  readonly readable: boolean;
}

/** Columns of some tables, in their order; `@tables`: JSON of object ids. */
export const LIST_COLUMNS = `
SELECT CONVERT(nvarchar(20), c.object_id) AS [table], c.name AS name, ${BASE_TYPE} AS base,
  CONVERT(int, c.max_length) AS maxLength, CONVERT(int, c.[precision]) AS [precision], CONVERT(int, c.scale) AS scale, c.collation_name AS collation,
  c.is_nullable AS nullable, c.is_computed AS computed, ISNULL(c.is_column_set, 0) AS columnSet, CONVERT(int, ISNULL(c.generated_always_type, 0)) AS generated,
  CONVERT(bit, CASE WHEN c.is_masked = 1 AND COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id)), N'OBJECT', N'UNMASK', c.name, N'COLUMN'), 0) = 0 THEN 1 ELSE 0 END) AS masked,
  CONVERT(bit, CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END) AS encrypted,
  CONVERT(bit, COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id)), N'OBJECT', N'SELECT', c.name, N'COLUMN'), 0)) AS readable
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.columns AS c ON c.object_id = wanted.id
  JOIN sys.types AS u ON u.user_type_id = c.user_type_id
  LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
ORDER BY c.object_id, c.column_id`;

/** One key column of a unique index. */
export interface IndexColumn {
  readonly table: string;
  readonly index: number;
  readonly isPrimary: boolean;
  readonly column: string;
}

/** Usable unique indexes (enabled, not filtered, rowstore) of some tables, the primary key first, then the shortest; INCLUDE columns left out. */
export const LIST_UNIQUE_INDEXES = `
SELECT CONVERT(nvarchar(20), i.object_id) AS [table], CONVERT(int, i.index_id) AS [index], i.is_primary_key AS isPrimary, c.name AS [column]
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.indexes AS i ON i.object_id = wanted.id
  JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
  JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_unique = 1 AND i.is_disabled = 0 AND i.has_filter = 0 AND i.is_hypothetical = 0 AND i.type IN (1, 2)
ORDER BY i.object_id, i.is_primary_key DESC, COUNT(*) OVER (PARTITION BY i.object_id, i.index_id), i.index_id, k.key_ordinal`;

/** Names of the security policies that hide rows, by table. */
export const LIST_ROW_FILTERS = `
SELECT CONVERT(nvarchar(20), p.target_object_id) AS [table], MIN(OBJECT_SCHEMA_NAME(y.object_id) + N'.' + y.name) AS policy
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.security_predicates AS p ON p.target_object_id = wanted.id AND p.predicate_type = 0
  JOIN sys.security_policies AS y ON y.object_id = p.object_id AND y.is_enabled = 1
GROUP BY p.target_object_id`;

export interface LoginFacts {
  readonly login: string;
  readonly user: string;
  /** May see what masked columns (dynamic data masking) hold. */
  readonly unmask: boolean;
  /** Capture enables tables itself (`sp_cdc_enable_table` wants db_owner). */
  readonly owner: boolean;
  /** The server has row-level security. */
  readonly policies: boolean;
}

export const READ_LOGIN = `
SELECT SUSER_SNAME() AS login, USER_NAME() AS [user], CONVERT(bit, COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'UNMASK'), 0)) AS unmask,
  CONVERT(bit, CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 OR IS_ROLEMEMBER(N'db_owner') = 1 THEN 1 ELSE 0 END) AS owner,
  CONVERT(bit, CASE WHEN OBJECT_ID(N'sys.security_predicates') IS NULL THEN 0 ELSE 1 END) AS policies`;
