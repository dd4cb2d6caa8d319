import { bracket, bracketTable, nString } from '@elstream/database';
import type { Relation } from '../catalog';
import { dynamic, dynamicBlock, escalationOff } from '../ddl-batch';
import { columnDefinition, EPOCH_COLUMN, KEY_COLLATION, keyEquals, POSITION_COLUMN, POSITION_TYPE, quotedOf, type Target } from '../target';
import { APPROXIMATE_COLUMN, asPeriod, BEGIN_COLUMN, CHANGE_COLUMN, CHANGE_TYPE, DELETED_COLUMN, ENDED_COLUMN, TIME_TYPE, type Archive } from './archive';

/** A column of the archive, for CREATE TABLE and for comparing. */
export interface ArchiveLine {
  readonly name: string;
  readonly type: string;
  readonly definition: string;
}

export function archiveLines(archive: Archive): ArchiveLine[] {
  const own = (name: string, type: string, more = 'NULL'): ArchiveLine => ({ name, type, definition: `${bracket(name)} ${type} ${more}` });
  return [
    ...archive.columns.map((c) => ({ name: c.name, type: c.type, definition: `${columnDefinition(c, c.quoted)} NULL` })),
    ...(archive.inRow ? [] : [own(archive.from.name, TIME_TYPE), own(archive.to.name, TIME_TYPE)]),
    own(DELETED_COLUMN, 'bit', 'NOT NULL'),
    own(APPROXIMATE_COLUMN, 'bit', 'NOT NULL DEFAULT 0'),
    own(ENDED_COLUMN, POSITION_TYPE),
    ...(archive.kind === 'derived' ? [own(CHANGE_COLUMN, CHANGE_TYPE)] : []),
  ];
}

/** Columns of the mapping that would take the name of one of the archive's own: sentences, empty is fine. */
export function archiveNameProblems(target: Target): string[] {
  const { archive, mapping } = target;
  if (archive === null) return [];
  const own = ownColumns(archive);
  return mapping.columns
    .filter((c) => own.has(c.target))
    .map((c) => `column ${c.source} of ${mapping.id} is called ${c.target} in the warehouse, as a column of its history table is; rename it in the pipeline file${c.target.startsWith('valid_') ? ', declare the period of its history' : ''} or keep no history of that table`);
}

export function ownColumns(archive: Archive): Set<string> {
  return new Set([DELETED_COLUMN, APPROXIMATE_COLUMN, ENDED_COLUMN, CHANGE_COLUMN, ...(archive.inRow ? [] : [archive.from.name, archive.to.name])]);
}

/** As they stand before the statements are run; null: they are made by them. */
export interface HistoryTables {
  readonly table: Relation | null;
  readonly archive: Relation | null;
}

/**
 * Creates what is missing of a table's history: schema, archive with its indexes, the begin of standing rows. Idempotent;
 * existing tables get only what they lack. After the target exists.
 */
export function createArchive(target: Target, { table, archive: stood }: HistoryTables): string {
  const { archive } = target;
  const lines = [ensureBegin(target, table)];
  if (archive !== null) {
    const { sql } = archive;
    lines.push(
      `IF SCHEMA_ID(${nString(archive.table.schema)}) IS NULL ${dynamic(`CREATE SCHEMA ${bracket(archive.table.schema)}`)}`,
      `IF OBJECT_ID(${nString(sql)}, N'U') IS NULL CREATE TABLE ${sql} (${archiveLines(archive).map((l) => l.definition).join(', ')});`,
      escalationOff(sql),
      // Tables that began as copied history lack it. Versions without an identity, as of a direct stream, cost the index nothing.
      ...(archive.kind === 'derived' && stood !== null && !stood.columns.some((c) => c.name === CHANGE_COLUMN) ? [dynamic(`ALTER TABLE ${sql} ADD ${CHANGE_COLUMN} ${CHANGE_TYPE} NULL`)] : []),
      ensureIndex(sql, archive.indexName, `(${archive.key.map((c) => c.quoted).join(', ')})`),
      ...(archive.kind === 'derived' ? [ensureIndex(sql, archive.changeIndexName, `(${CHANGE_COLUMN}) WHERE ${CHANGE_COLUMN} IS NOT NULL`)] : []),
    );
  }
  return lines.filter((line) => line !== '').join('\n');
}

function ensureIndex(table: string, name: string, on: string): string {
  return `IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(${nString(table)}, N'U') AND LEFT([name], ${String(name.length)}) = ${nString(name)}) ${dynamic(`CREATE INDEX ${bracket(name)} ON ${table} ${on}`)}`;
}

/** The begin comes and goes with the setting: one that was not kept for a while would be wrong later. */
function ensureBegin(target: Target, table: Relation | null): string {
  const has = table?.columns.some((c) => c.name === BEGIN_COLUMN) ?? false;
  if (target.keepsBegin && !has) return dynamic(`ALTER TABLE ${target.sql} ADD ${BEGIN_COLUMN} ${TIME_TYPE} NULL`);
  if (!target.keepsBegin && has) return dynamic(`ALTER TABLE ${target.sql} DROP COLUMN ${BEGIN_COLUMN}`);
  return '';
}

/** Names of the columns, as they will be. */
export interface HistoryColumns {
  readonly current: readonly string[];
  readonly old: readonly string[];
  /** Of text columns of the target whose versions have another, or may; absent: the same. */
  readonly collations: ReadonlyMap<string, string>;
}

/** After `createArchive`. @param altered columns may be given other collations than they have here */
export function historyColumns(target: Target, { table, archive }: HistoryTables, altered = true): HistoryColumns {
  const current = table === null ? [...target.columns.map((c) => c.name), EPOCH_COLUMN, POSITION_COLUMN] : table.columns.map((c) => c.name);
  const others = current.filter((name) => name !== BEGIN_COLUMN);
  const standing = new Map((archive?.columns ?? []).map((c) => [c.name, c.collation]));
  const old = archive !== null ? archive.columns.map((c) => c.name) : target.archive === null ? [] : archiveLines(target.archive).map((l) => l.name);
  return {
    current: target.keepsBegin ? [...others, BEGIN_COLUMN] : others,
    old,
    collations: new Map((table?.columns ?? []).flatMap((c) => (c.collation === null || (!altered && c.collation === standing.get(c.name)) ? [] : [[c.name, c.collation] as const]))),
  };
}

/** @param altered false: columns are as they were; a function of the same text is left alone, since altering it waits for all who read by it */
export function createAsOf(target: Target, tables: HistoryTables, altered: boolean): string {
  return target.archive === null ? '' : makeAsOf(target, target.archive, historyColumns(target, tables, altered), altered);
}

/** Altered where it stands, so that grants stay. Also where its text stays: it keeps the types of its columns from when it was made. */
export function makeAsOf(target: Target, archive: Archive, columns: HistoryColumns, altered = true): string {
  const rest = asOfSql(target, archive, columns);
  const made = (verb: 'CREATE' | 'ALTER'): string => dynamicBlock(`${verb} ${rest}`);
  const id = `OBJECT_ID(${nString(bracketTable(archive.asOf))}, N'IF')`;
  const differs = `ISNULL(RIGHT(OBJECT_DEFINITION(${id}), ${String(rest.length)}), N'') COLLATE ${KEY_COLLATION} <> ${nString(rest)}`;
  return `IF ${id} IS NULL ${made('CREATE')} ELSE ${altered ? '' : `IF ${differs} `}${made('ALTER')};`;
}

/**
 * The function `<target>_as_of(@at)` gives rows as they were at that time, with the target's columns. To be made again
 * after every change of the target's or the archive's columns: its body names them all. What follows CREATE or ALTER.
 * `datetimeoffset`: a time without an offset is taken as UTC.
 */
function asOfSql(target: Target, archive: Archive, { current, old, collations }: HistoryColumns): string {
  const had = new Set(old);
  const pasts = current.map((name) => {
    const as = ` AS ${bracket(name)}`;
    if (name === EPOCH_COLUMN) return `CONVERT(int, NULL)${as}`;
    if (name === POSITION_COLUMN) return `CONVERT(${POSITION_TYPE}, NULL)${as}`;
    if (name === BEGIN_COLUMN) return `h.${archive.from.quoted}${as}`;
    // a column dropped at the source before its history began
    if (!had.has(name)) return `NULL${as}`;
    const collation = collations.get(name);
    return `h.${bracket(name)}${collation === undefined ? '' : ` COLLATE ${collation}`}${as}`;
  });
  const utc = `CONVERT(datetime2(7), SWITCHOFFSET(@at, '+00:00'))`;
  const at = asPeriod(archive.from, utc);
  const ends = asPeriod(archive.to, utc);
  const begin = target.keepsBegin ? `t.${BEGIN_COLUMN}` : `t.${archive.from.quoted}`;
  const same = keyEquals(target.key, quotedOf('h'), quotedOf('t'));
  // a row whose begin is unknown is there since the end of what is known before it, or since ever
  const unknown = `${begin} IS NULL AND NOT EXISTS (SELECT 1 FROM ${archive.sql} AS h WHERE ${same} AND h.${archive.to.quoted} > ${ends})`;
  // Copied versions are fetched apart from the rows: where they are ahead, the row still standing is a version that has ended.
  const overtaken = archive.kind === 'copied' ? ` AND NOT EXISTS (SELECT 1 FROM ${archive.sql} AS h WHERE ${same} AND h.${archive.from.quoted} >= ${begin} AND h.${archive.to.quoted} > ${ends})` : '';
  return `FUNCTION ${bracketTable(archive.asOf)} (@at datetimeoffset(7)) RETURNS TABLE AS RETURN
(SELECT ${current.map((name) => `t.${bracket(name)}`).join(', ')} FROM ${target.sql} AS t WHERE (${begin} <= ${at}${overtaken}) OR (${unknown})
 UNION ALL
 SELECT ${pasts.join(', ')} FROM ${archive.sql} AS h WHERE (h.${archive.from.quoted} IS NULL OR h.${archive.from.quoted} <= ${at}) AND h.${archive.to.quoted} > ${ends})`;
}

/** Before the target or the archive is dropped, so that no function stands that cannot be called. */
export function dropAsOf(target: Target): string {
  return target.archive === null ? '' : `DROP FUNCTION IF EXISTS ${bracketTable(target.archive.asOf)};`;
}
