import type { SchemaChange, TableMapping } from '@elstream/core';
import type { GoldenStatement } from '@elstream/testing';
import { RELATION_SQL, type Relation, type StandingColumn } from './catalog';
import { SERVER_SQL } from './checks';
import { createTargetSql } from './ddl';
import { planAlterations } from './evolution/alterations';
import { BLOCKERS_SQL, DEPENDENTS_SQL } from './evolution/blocked';
import { evolveStatement, refreshStatement, type PlannedAlteration } from './evolution/evolve-table';
import { forgetTablesSql, resetTablesSql, stopTableSql } from './evolution/lifecycle';
import { reshapeStatement, type Shaping } from './evolution/reshape-table';
import { CODE_PAGES_SQL, CONSTRAINTS_SQL, OBJECT_SQL, PRIMARY_KEY_SQL, RIGHTS_SQL } from './table-problems';
import { buildTarget, EPOCH_COLUMN, POSITION_COLUMN, type Target } from './target';

const PIPELINE = 'shop';
const LOCK_MS = 10_000;

/** A table with a composite key, a text in it, and names that need quoting. */
const mapping: TableMapping = {
  id: 'dbo.order]lines',
  source: { schema: 'dbo', name: 'order]lines' },
  target: { schema: "o'dbo", name: 'order]lines' },
  columns: [
    { source: 'region', target: 'region', type: { kind: 'text', maxLength: 10, padded: false }, targetType: 'nvarchar(10)', nullable: false, mask: null },
    { source: 'id', target: 'id', type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null },
    { source: 'price', target: 'price', type: { kind: 'decimal', precision: 19, scale: 4 }, targetType: 'decimal(19,4)', nullable: true, mask: null },
    { source: 'ratio', target: 'ratio', type: { kind: 'float', bits: 64 }, targetType: 'float(53)', nullable: true, mask: null },
    { source: 'picture', target: 'picture', type: { kind: 'binary' }, targetType: 'varbinary(max)', nullable: true, mask: null },
    { source: 'at', target: 'at', type: { kind: 'other' }, native: 'datetimeoffset(7)', targetType: 'datetimeoffset(7)', nullable: true, mask: null },
    { source: 'note', target: 'note]s', type: { kind: 'text', maxLength: null, padded: false }, targetType: 'nvarchar(max)', nullable: true, mask: null },
  ],
  key: [0, 1],
  chunkRows: 1000,
};
const derived: TableMapping = { ...mapping, history: { kind: 'derived', target: { schema: "o'dbo", name: 'order]lines_archive' }, source: null, period: null } };
const period = { columns: [...mapping.columns, ...['valid_from', 'valid_to'].map((name) => ({ source: name, target: name, type: { kind: 'timestamp' as const, zone: false }, targetType: 'datetime2(7)', nullable: false, mask: null }))], from: 7, to: 8 };
const copied: TableMapping = {
  ...mapping,
  columns: period.columns,
  history: { kind: 'copied', target: { schema: "o'dbo", name: 'order]lines_archive' }, source: { schema: 'dbo', name: 'order]lines_archive' }, period: { from: period.from, to: period.to } },
};

export const targets = {
  plain: buildTarget(PIPELINE, mapping),
  derived: buildTarget(PIPELINE, derived),
  copied: buildTarget(PIPELINE, copied),
};

/** As the catalog would have a table of ours with these columns. */
export function relationOf(sql: string, columns: readonly (readonly [name: string, type: string, collation?: string])[], notNull: readonly string[] = []): Relation {
  const standing = columns.map(([name, type, collation]): StandingColumn => ({ name, type, collation: collation ?? null, nullable: !notNull.includes(name), filled: false, unwritable: null }));
  return { id: 4711, sql, columns: standing, fingerprint: JSON.stringify(columns.map(([name]) => ({ name }))) };
}

const KEY = ['region', 'id'];
const BIN2 = 'Latin1_General_100_BIN2';
const own = [[EPOCH_COLUMN, 'int'], [POSITION_COLUMN, 'varbinary(16)']] as const;
const table = relationOf(targets.plain.sql, [['region', 'nvarchar(10)', BIN2], ['id', 'int'], ['price', 'decimal(10,2)'], ['gone', 'int'], ...own], [...KEY, 'gone', EPOCH_COLUMN]);
const markers = relationOf(targets.plain.markerSql, [['region', 'nvarchar(10)', BIN2], ['id', 'int'], ...own], [...KEY, EPOCH_COLUMN]);
const archive = relationOf(targets.derived.archive?.sql ?? '', [['region', 'nvarchar(10)', BIN2], ['id', 'int'], ['price', 'decimal(10,2)'], ['valid_from', 'datetime2(6)'], ['valid_to', 'datetime2(6)'], ['deleted', 'bit'], ['__elstream_approximate', 'bit'], [POSITION_COLUMN, 'varbinary(16)']]);

function evolved(target: Target): PlannedAlteration[] {
  const rules = { retype: () => true, values: 'kept' as const, release: true };
  const wanted = target.columns.map((c) => ({ name: c.name, quoted: c.quoted, type: c.type, collation: c.collation, isKey: !c.nullable }));
  const of = (relation: Relation, columns: typeof wanted, more: Pick<PlannedAlteration, 'primaryKey' | 'indexes'>): PlannedAlteration => ({ relation, ...planAlterations(relation.columns, columns, rules), ...more });
  return [
    of(table, wanted, { primaryKey: 'PK_order]lines', indexes: [] }),
    of(markers, wanted.filter((w) => w.isKey), { primaryKey: 'PK_marker', indexes: [] }),
    ...(target.archive === null ? [] : [of({ ...archive, sql: target.archive.sql }, wanted, { primaryKey: null, indexes: [{ name: target.archive.indexName, on: '([region], [id])' }] })]),
  ];
}

const change: SchemaChange = { added: ['ratio', "it's"], dropped: ['gone'], widened: ['id'], obstacles: [], configured: [] };
const shaping = (target: Target, history: Shaping['history']): Shaping & { readonly lockMs: number } => ({
  table,
  archive: target.archive === null ? null : archive,
  markers,
  planned: evolved(target).filter((p) => p.relation !== markers && (history === 'converted' || p.relation === table)).map((p) => ({ ...p, primaryKey: null })),
  newKey: { drop: 'PK_order]lines' },
  history,
  lockMs: LOCK_MS,
});

/** Of tables as they are checked, made, followed and taken away. */
export function tableStatements(): GoldenStatement[] {
  const learn = 'https://learn.microsoft.com/sql/';
  const nothing = { table: null, markers: null, archive: null, lockMs: LOCK_MS };
  return [
    { name: 'server', sql: SERVER_SQL, docs: `${learn}t-sql/functions/serverproperty-transact-sql` },
    { name: 'relation', sql: RELATION_SQL, docs: `${learn}relational-databases/system-catalog-views/sys-columns-transact-sql` },
    { name: 'object', sql: OBJECT_SQL },
    { name: 'constraints', sql: CONSTRAINTS_SQL, docs: `${learn}relational-databases/system-catalog-views/object-catalog-views-transact-sql` },
    { name: 'primary-key', sql: PRIMARY_KEY_SQL },
    { name: 'code-pages', sql: CODE_PAGES_SQL, docs: `${learn}t-sql/functions/collation-functions-collationproperty-transact-sql` },
    { name: 'rights', sql: RIGHTS_SQL, docs: `${learn}t-sql/functions/has-perms-by-name-transact-sql` },
    { name: 'create-target', sql: createTargetSql(PIPELINE, targets.plain, nothing), docs: `${learn}t-sql/statements/alter-table-transact-sql` },
    { name: 'create-target-with-derived-history', sql: createTargetSql(PIPELINE, targets.derived, nothing) },
    { name: 'create-target-with-copied-history', sql: createTargetSql(PIPELINE, targets.copied, nothing) },
    { name: 'create-target-that-stands', sql: createTargetSql(PIPELINE, targets.derived, { ...nothing, table, markers, archive }) },
    { name: 'blockers', sql: BLOCKERS_SQL, docs: `${learn}relational-databases/system-catalog-views/sys-sql-expression-dependencies-transact-sql` },
    { name: 'dependents', sql: DEPENDENTS_SQL },
    { name: 'evolve', sql: evolveStatement(PIPELINE, targets.plain, { planned: evolved(targets.plain), change, lockMs: LOCK_MS }) },
    { name: 'evolve-with-derived-history', sql: evolveStatement(PIPELINE, targets.derived, { planned: evolved(targets.derived), change, lockMs: LOCK_MS }) },
    { name: 'evolve-with-copied-history', sql: evolveStatement(PIPELINE, targets.copied, { planned: evolved(targets.copied), change, lockMs: LOCK_MS }) },
    { name: 'refresh-views', sql: refreshStatement(['[dbo].[a view]', "[o'dbo].[v]"]), unparsed: `${learn}t-sql/language-elements/try-catch-transact-sql` },
    { name: 'stop-table', sql: stopTableSql(PIPELINE, mapping.id, LOCK_MS) },
    { name: 'forget-tables', sql: forgetTablesSql(PIPELINE, [mapping.id, 'dbo.other'], LOCK_MS) },
    { name: 'reset-tables', sql: resetTablesSql(PIPELINE, [mapping.id], { drop: [], lockMs: LOCK_MS }) },
    { name: 'reset-tables-and-drop', sql: resetTablesSql(PIPELINE, [mapping.id], { drop: [targets.derived], lockMs: LOCK_MS }) },
    { name: 'reshape', sql: reshapeStatement(PIPELINE, targets.plain, shaping(targets.plain, 'converted')) },
    { name: 'reshape-with-derived-history', sql: reshapeStatement(PIPELINE, targets.derived, shaping(targets.derived, 'converted')) },
    { name: 'reshape-and-rename-history', sql: reshapeStatement(PIPELINE, targets.derived, shaping(targets.derived, 'renamed')), docs: `${learn}relational-databases/system-stored-procedures/sp-rename-transact-sql` },
  ];
}
