import { type ColumnType, type KeyRange, type Mask, type TableMapping } from '@elstream/core';
import { DATABASE_IDENTITY } from '@elstream/database';
import { type GoldenStatement } from '@elstream/testing';
import { LIST_COLUMNS, LIST_ROW_FILTERS, LIST_TABLES, LIST_UNIQUE_INDEXES, READ_LOGIN } from './catalog/tables-sql';
import { READ_AGENT, READ_SERVER } from './check';
import { END_OF_LOG } from './log';
import { HAS_KEY_INDEX, selectHistory } from './read/history-sql';
import { selectEveryBound, selectKeys, selectNextBound, selectRange } from './read/read-sql';
import { READ_TARGET, readTarget, type ReadTarget } from './read/read-target';
import { READ_REPLICA } from './replica';
import { LIST_TRANSACTIONS } from './transactions';

/** A column as the catalog and the mapping have it. */
export interface SampleColumn {
  readonly name: string;
  readonly base: string;
  readonly maxLength?: number;
  readonly precision?: number;
  readonly scale?: number;
  readonly collation?: string;
  readonly type: ColumnType;
  readonly mask?: Mask;
}

const COLLATION = 'SQL_Latin1_General_CP1_CI_AS';

export function sampleTable(columns: readonly SampleColumn[], key: readonly string[], snapshot = true): { readonly mapping: TableMapping; readonly target: ReadTarget } {
  const mapping: TableMapping = {
    id: 'dbo.t',
    source: { schema: 'dbo', name: 't' },
    target: { schema: 'public', name: 't' },
    columns: columns.map((c) => ({ source: c.name, target: c.name, type: c.type, targetType: 'text', nullable: true, mask: c.mask ?? null })),
    key: key.map((name) => columns.findIndex((c) => c.name === name)),
    chunkRows: 1000,
  };
  const rows = columns.map(({ name, base, maxLength = 0, precision = 0, scale = 0, collation = null }) => ({ name, base, maxLength, precision, scale, collation, snapshot }));
  return { mapping, target: readTarget(mapping, rows) };
}

const text = (maxLength: number | null, padded = false): ColumnType => ({ kind: 'text', maxLength, padded });

/** One column of each way in which values are selected. */
export const EVERY_TYPE: readonly SampleColumn[] = [
  { name: 'id', base: 'bigint', type: { kind: 'integer', bits: 64 } },
  { name: 'bit', base: 'bit', type: { kind: 'boolean' } },
  { name: 'decimal', base: 'decimal', precision: 38, scale: 4, type: { kind: 'decimal', precision: 38, scale: 4 } },
  { name: 'money', base: 'money', type: { kind: 'decimal', precision: 19, scale: 4 } },
  { name: 'float', base: 'float', type: { kind: 'float', bits: 64 } },
  { name: 'char', base: 'char', maxLength: 10, collation: COLLATION, type: text(10, true) },
  { name: 'nvarchar', base: 'nvarchar', maxLength: 100, collation: COLLATION, type: text(50) },
  { name: 'text', base: 'text', maxLength: 16, collation: COLLATION, type: text(null) },
  { name: 'secret', base: 'nvarchar', maxLength: -1, collation: COLLATION, type: text(null), mask: { kind: 'null' } },
  { name: 'uniqueidentifier', base: 'uniqueidentifier', type: { kind: 'uuid' } },
  { name: 'varbinary', base: 'varbinary', maxLength: -1, type: { kind: 'binary' } },
  { name: 'version', base: 'timestamp', maxLength: 8, type: { kind: 'binary' } },
  { name: 'date', base: 'date', type: { kind: 'date' } },
  { name: 'time', base: 'time', scale: 7, type: { kind: 'time', zone: false } },
  { name: 'datetime', base: 'datetime', type: { kind: 'timestamp', zone: false } },
  { name: 'datetime2', base: 'datetime2', scale: 7, type: { kind: 'timestamp', zone: false } },
  { name: 'offset', base: 'datetimeoffset', scale: 7, type: { kind: 'other' } },
  { name: 'xml', base: 'xml', maxLength: -1, type: { kind: 'other' } },
];

/** Key columns of each way in which key cells become values. */
const KEYS: Readonly<Record<string, readonly [SampleColumn, string]>> = {
  int: [{ name: 'k', base: 'int', type: { kind: 'integer', bits: 32 } }, '7'],
  varchar: [{ name: 'k', base: 'varchar', maxLength: 50, collation: COLLATION, type: text(50) }, "o'k"],
  nchar: [{ name: 'k', base: 'nchar', maxLength: 20, collation: 'Latin1_General_100_CI_AI_SC', type: text(10, true) }, 'ab        '],
  guid: [{ name: 'k', base: 'uniqueidentifier', type: { kind: 'uuid' } }, '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
  binary: [{ name: 'k', base: 'binary', maxLength: 16, type: { kind: 'binary' } }, '\\x00ff'],
  bit: [{ name: 'k', base: 'bit', type: { kind: 'boolean' } }, 't'],
  money: [{ name: 'k', base: 'money', type: { kind: 'decimal', precision: 19, scale: 4 } }, '-1.5000'],
  datetime: [{ name: 'k', base: 'datetime', type: { kind: 'timestamp', zone: false } }, '2018-07-13 11:23:45.997'],
  datetimeoffset: [{ name: 'k', base: 'datetimeoffset', scale: 7, type: { kind: 'other' } }, '2018-07-13 01:23:45.456+00 +11:00'],
};

const COMPOSITE: readonly SampleColumn[] = [
  { name: 'region', base: 'varchar', maxLength: 10, collation: COLLATION, type: text(10) },
  { name: 'na]me', base: 'decimal', precision: 10, scale: 2, type: { kind: 'decimal', precision: 10, scale: 2 } },
  { name: 'at', base: 'datetime2', scale: 3, type: { kind: 'timestamp', zone: false } },
];
const COMPOSITE_KEY = ['region', 'na]me', 'at'];
const COMPOSITE_RANGE: KeyRange = { from: ['eu', '1.50', '2024-01-01 00:00:00'], to: ['us', '0.00', '2024-01-01 00:00:00.5'] };

const VERSIONED: readonly SampleColumn[] = [
  { name: 'id', base: 'int', type: { kind: 'integer', bits: 32 } },
  { name: 'valid_from', base: 'datetime2', scale: 7, type: { kind: 'timestamp', zone: false } },
  { name: 'valid_to', base: 'datetime2', scale: 7, type: { kind: 'timestamp', zone: false } },
];

const DOCS = 'https://learn.microsoft.com/sql';
const view = (name: string): string => `${DOCS}/relational-databases/system-catalog-views/${name}-transact-sql`;
const dynamic = (name: string): string => `${DOCS}/relational-databases/system-dynamic-management-views/${name}-transact-sql`;

function historyStatements(): GoldenStatement[] {
  const { mapping: table, target: rows } = sampleTable(VERSIONED, ['id']);
  const mapping: TableMapping = { ...table, history: { kind: 'copied', target: { schema: 'public', name: 't_archive' }, source: { schema: 'dbo', name: 't_archive' }, period: { from: 1, to: 2 } } };
  const targets = { rows, versions: { ...rows, table: '[dbo].[t_archive]' } };
  const docs = `${DOCS}/relational-databases/tables/temporal-tables`;
  return [
    { name: 'history-by-range', docs, sql: selectHistory(mapping, targets, { range: { from: ['1'], to: ['9'] } }).sql },
    { name: 'history-by-keys', docs, sql: selectHistory(mapping, targets, { keys: [['1']] }).sql },
    { name: 'history-every-bound', docs, sql: selectEveryBound(targets.versions, 500).sql },
    { name: 'history-key-index', docs: view('sys-index-columns'), sql: HAS_KEY_INDEX },
  ];
}

/** Every statement of this project. */
export function statements(): GoldenStatement[] {
  const every = sampleTable(EVERY_TYPE, ['id']);
  const locking = sampleTable(EVERY_TYPE.slice(0, 2), ['id'], false);
  const composite = sampleTable(COMPOSITE, COMPOSITE_KEY);
  return [
    { name: 'list-tables', docs: view('sys-tables'), sql: LIST_TABLES },
    { name: 'list-columns', docs: view('sys-columns'), sql: LIST_COLUMNS },
    { name: 'list-unique-indexes', docs: view('sys-indexes'), sql: LIST_UNIQUE_INDEXES },
    { name: 'list-row-filters', docs: view('sys-security-predicates'), sql: LIST_ROW_FILTERS },
    { name: 'read-login', docs: `${DOCS}/t-sql/functions/has-perms-by-name-transact-sql`, sql: READ_LOGIN },
    { name: 'read-server', docs: view('sys-databases'), sql: READ_SERVER },
    { name: 'read-agent', docs: dynamic('sys-dm-server-services'), sql: READ_AGENT },
    { name: 'read-identity', docs: view('sys-database-recovery-status'), sql: DATABASE_IDENTITY },
    { name: 'end-of-log', docs: dynamic('sys-dm-db-log-stats'), sql: END_OF_LOG },
    { name: 'list-transactions', docs: dynamic('sys-dm-tran-database-transactions'), sql: LIST_TRANSACTIONS },
    { name: 'read-replica', docs: dynamic('sys-dm-hadr-database-replica-states'), sql: READ_REPLICA },
    { name: 'read-target', docs: view('sys-columns'), sql: READ_TARGET },
    { name: 'rows-all', sql: selectRange(every.target, { from: null, to: null }).sql },
    { name: 'rows-of-range', sql: selectRange(every.target, { from: ['1'], to: ['1000'] }).sql },
    { name: 'rows-of-range-without-snapshot', sql: selectRange(locking.target, { from: ['1'], to: null }).sql },
    { name: 'rows-of-composite-range', sql: selectRange(composite.target, COMPOSITE_RANGE).sql },
    { name: 'rows-of-composite-range-within', sql: selectRange(composite.target, { from: ['eu', '1.50', '2024-01-01 00:00:00'], to: ['eu', '2.50', '2024-01-01 00:00:00'] }).sql },
    { name: 'rows-by-key', sql: selectKeys(every.target, [['1']]).sql },
    { name: 'rows-by-composite-key', sql: selectKeys(composite.target, [COMPOSITE_RANGE.from ?? []]).sql },
    { name: 'bound-first', sql: selectNextBound(every.target, null, 1000).sql },
    { name: 'bound-next', sql: selectNextBound(every.target, ['1000'], 1000).sql },
    { name: 'bound-next-composite', sql: selectNextBound(composite.target, COMPOSITE_RANGE.from, 1000).sql },
    ...Object.entries(KEYS).map(([kind, [column, cell]]) => ({ name: `rows-of-range-${kind}`, sql: selectRange(sampleTable([column], ['k']).target, { from: [cell], to: null }).sql })),
    ...historyStatements(),
  ];
}
