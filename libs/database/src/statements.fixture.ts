import type { ColumnType, MappedColumn, TableMapping } from '@elstream/core';
import { MSSQL_TYPES, type GoldenStatement } from '@elstream/testing';
import { mssqlChecksumsQuery, mssqlDigestsQuery, type MssqlDigestRows } from './mssql/digest';
import { selectCell } from './mssql/select-cell';
import { cellValue, keyValue, stagedColumn } from './mssql/stage-cell';

const CONVERT = 'https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql';

const NATIVES = [...new Map(MSSQL_TYPES.map(({ native, type }) => [native, type]))];

/** Every type once, in an order that does not change. */
function mapping(): TableMapping {
  const columns = NATIVES.map(([native, type], i): MappedColumn => column(`c${String(i)}`, type, native));
  return tableOf([column('id', { kind: 'integer', bits: 64 }, 'bigint'), ...columns], [0]);
}

const column = (name: string, type: ColumnType, native: string): MappedColumn => ({ source: name, target: name, type, native, targetType: native, nullable: true, mask: null });

function tableOf(columns: readonly MappedColumn[], key: readonly number[]): TableMapping {
  return { id: 'dbo.item', source: { schema: 'dbo', name: 'item' }, target: { schema: 'dbo', name: 'item' }, columns, key, chunkRows: 1000 };
}

const TEXT: ColumnType = { kind: 'text', maxLength: 20, padded: false };
const INSTANT: ColumnType = { kind: 'timestamp', zone: true };

/** A key of several columns; a masked column; instants alone. */
const COMPOSITE: TableMapping = tableOf(
  [column('region', TEXT, 'nvarchar(20)'), column('guid', { kind: 'uuid' }, 'uniqueidentifier'), { ...column('secret', TEXT, 'nvarchar(20)'), mask: { kind: 'null' } }, column('at', INSTANT, 'datetimeoffset(7)')],
  [0, 1],
);

/** Kept as texts in the other product. */
const AS_TEXT: TableMapping = tableOf(
  [column('id', { kind: 'integer', bits: 32 }, 'int'), ...['datetime2(7)', 'time(7)', 'decimal(10,2)', 'varbinary(10)', 'datetimeoffset(3)'].map((native, i) => ({ ...column(`c${String(i)}`, typeOf(native), native), targetType: 'pg_catalog.text' }))],
  [0],
);

function typeOf(native: string): ColumnType {
  return MSSQL_TYPES.find((row) => row.native === native)?.type ?? { kind: 'other' };
}

const source = (of: TableMapping): MssqlDigestRows => ({ mapping: of, side: 'source', from: '[dbo].[item] AS t WHERE t.[id] >= @from AND t.[id] < @to' });
const target = (of: TableMapping): MssqlDigestRows => ({ mapping: of, side: 'target', from: '[dbo].[item] AS t' });

/** Statements over the builders of this project that make T-SQL. */
export function statements(): GoldenStatement[] {
  const lines = (of: readonly string[]): string => `SELECT\n  ${of.join(',\n  ')}`;
  const staged = NATIVES.map(([native], i) => ({ native, name: `c${String(i)}`, ...stagedColumn(native) }));
  return [
    { name: 'select-cells', docs: CONVERT, sql: `${lines(NATIVES.map(([native, type], i) => `${selectCell({ type, native }, `t.[c${String(i)}]`).sql} AS c${String(i)}`))}\nFROM [dbo].[item] AS t` },
    { name: 'stage-table', sql: `CREATE TABLE #stage (\n  ${staged.map(({ name, sqlType }) => `${name} ${sqlType} NULL`).join(',\n  ')}\n)` },
    { name: 'staged-values', docs: CONVERT, sql: `${lines(staged.map(({ native, name }) => `${cellValue(native, `s.${name}`)} AS ${name}`))}\nFROM #stage AS s` },
    { name: 'misfits', sql: `SELECT s.c0 FROM #stage AS s WHERE ${['varchar(20)', 'char(3) COLLATE Japanese_XJIS_140_CI_AS', 'varchar(max)'].map((native, i) => stagedColumn(native).misfit?.(`s.c${String(i)}`) ?? '1 = 0').join('\n  OR ')}` },
    { name: 'key-values', docs: CONVERT, sql: `${lines(NATIVES.filter(([native]) => !/max|text|image|xml/.test(native)).map(([native, type], i) => `${keyValue({ type, native }, `k.k${String(i)}`)} AS k${String(i)}`))}\nFROM #keys AS k` },
    { name: 'checksums-of-all-types', sql: mssqlChecksumsQuery(source(mapping()), 16) },
    { name: 'checksums-of-one-bucket', sql: mssqlChecksumsQuery(target(COMPOSITE), 1) },
    { name: 'checksums-of-texts', sql: mssqlChecksumsQuery(source(AS_TEXT), 16) },
    { name: 'digests-by-integer', sql: mssqlDigestsQuery(source(mapping()), { of: 16, which: [0, 3] }) },
    { name: 'digests-by-composite-key', docs: 'https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql', sql: mssqlDigestsQuery(source(COMPOSITE), { of: 4294967296, which: [7] }) },
  ];
}
