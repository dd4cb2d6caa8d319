import { changeIdentity, deriveHistory, keyIdentity, keyOfRow, timestampText, touchedKeys, type EndedVersion, type FoldedTable, type LogPosition, type Row, type RowEvent, type TableMapping } from '@elstream/core';
import { quoteName, type Sql } from '@elstream/database';
import type { LockedState, RereadRows } from '@elstream/warehouse';
import { textOf } from '../standing';
import { EPOCH_COLUMN, POSITION_COLUMN, type Target } from '../target';
import { APPROXIMATE_COLUMN, asPeriod, BEGIN_COLUMN, CHANGE_COLUMN, DELETED_COLUMN, ENDED_COLUMN, TIMESTAMPTZ, type Archive } from './archive';
import { physicalColumns } from './ddl';
import { keysAsArrays } from '../keys-as-arrays';
import { readImages } from './images';
import { knownToArchive } from './known';

/** Since when the rows are valid that a batch leaves, by `keyIdentity`; null: unknown. */
export type Begins = ReadonlyMap<string, bigint | null>;

/** A state that knows what derived history made of the batch. */
export type DerivedState = LockedState & { readonly derived?: Derived | null };

/** What derived history makes of a batch of one table. */
export interface Derived {
  readonly begins: Begins;
  /** As `DerivedHistory` says it. */
  readonly mixed: boolean;
  /** Those that are not what the staged begin comes to (`stagedBegins`): set apart after the bulk upsert. */
  readonly odd: readonly { readonly key: readonly string[]; readonly beginUs: bigint | null }[];
}

export interface DerivedBatch {
  readonly fold: FoldedTable;
  readonly reread: RereadRows | undefined;
  /** As read in this transaction, before the batch. */
  readonly state: LockedState;
}

/** Writes the versions that a batch ends, from what stands before it is applied; in the batch's transaction (R13). */
export async function deriveBatch(sql: Sql, target: Target, batch: DerivedBatch): Promise<Derived | null> {
  const { archive, mapping } = target;
  const { changes, truncate } = batch.fold;
  if (archive?.kind !== 'derived' || changes.length === 0) return null;
  const keys = touchedKeys(mapping, changes);
  const standing = await readImages(sql, target, keys);
  const known = await knownToArchive(sql, target, archive, changes);
  if (truncate !== null) await archiveTruncated(sql, target, { ...batch, truncate, known });
  const { epoch, phase, mixed, rereadUntil, truncated } = batch.state;
  const { ended, begins, ...told } = deriveHistory({ mapping, changes, epoch, live: phase === 'live', mixed, rereadUntil, truncated, standing, known, reread: rereadByIdentity(mapping, batch.reread) });
  await writeEnded(sql, archive, ended);
  const staged = target.keepsBegin ? stagedBegins(mapping, changes) : new Map<string, bigint>();
  const odd = !target.keepsBegin ? [] : [...begins].flatMap(([id, beginUs]) => {
    const key = keys.get(id);
    return key === undefined || beginUs === greatest(staged.get(id) ?? null, standing.get(id)?.beginUs ?? null) ? [] : [{ key, beginUs }];
  });
  return { begins, odd, mixed: told.mixed };
}

/** The latest commit time of each key's events: with the greatest of it and of what stands, the begin of nearly every row is right. */
export function stagedBegins(mapping: TableMapping, changes: readonly RowEvent[]): Map<string, bigint> {
  const begins = new Map<string, bigint>();
  const note = (key: readonly string[], us: bigint): void => {
    const id = keyIdentity(mapping, key);
    begins.set(id, greatest(begins.get(id) ?? null, us) ?? us);
  };
  for (const event of changes) {
    if (event.op === 'truncate') continue;
    note(event.op === 'delete' ? event.key : keyOfRow(mapping, event.row), event.tx.committedAtUs);
    if (event.op === 'update' && event.oldKey !== null) note(event.oldKey, event.tx.committedAtUs);
  }
  return begins;
}

function greatest(a: bigint | null, b: bigint | null): bigint | null {
  return a === null ? b : b === null || a > b ? a : b;
}

/** Sets begins that the set-based upsert got wrong: a row of an older epoch that is as it was goes on. */
export async function setBegins(sql: Sql, target: Target, odd: Derived['odd']): Promise<void> {
  if (odd.length === 0) return;
  const keys = keysAsArrays(target, odd.map((o) => o.key), 2);
  await sql.execute(
    `UPDATE ${target.sql} AS t SET ${BEGIN_COLUMN} = b.begin FROM ${keys.from} JOIN unnest($1::timestamptz[]) WITH ORDINALITY AS b(begin, o) ON b.o = u.ord WHERE ${keys.same('t')}`,
    [odd.map((o) => beginText(o.beginUs)), ...keys.values],
  );
}

export function beginText(us: bigint | null): string | null {
  return us === null ? null : timestampText(us, true);
}

function rereadByIdentity(mapping: TableMapping, reread: RereadRows | undefined): Map<string, Row | null> {
  const rows = new Map<string, Row | null>();
  for (const row of reread?.rows ?? []) rows.set(keyIdentity(mapping, keyOfRow(mapping, row)), row);
  for (const key of reread?.absent ?? []) rows.set(keyIdentity(mapping, key), null);
  return rows;
}

/**
 * The archive's columns as written by elstream: mapped ones, the period if it is not among them, and its own. The identity
 * of changes only where it is needed: history tables of earlier releases lack it until their table is prepared again.
 */
function archiveColumns(archive: Archive, change: boolean): string[] {
  const period = archive.inRow ? [] : [archive.from.quoted, archive.to.quoted];
  return [...archive.columns.map((c) => c.quoted), ...period, DELETED_COLUMN, APPROXIMATE_COLUMN, ENDED_COLUMN, ...(change ? [CHANGE_COLUMN] : [])];
}

/** About the size of a statement's parameters. */
const PIECE_CHARS = 1024 * 1024;

/** Rows of the archive as its own row type spells them, cells in the order of its columns: what is not written is NULL. */
function* endedRecords(archive: Archive, ended: readonly EndedVersion[], { names, order }: { readonly names: readonly string[]; readonly order: readonly string[] }): Generator<string[]> {
  const bool = (value: boolean): string => (value ? 't' : 'f');
  const places = order.map((name) => names.indexOf(name));
  let [piece, chars]: [string[], number] = [[], 0];
  for (const version of ended) {
    const period = archive.inRow ? [] : [beginText(version.fromUs), beginText(version.toUs)];
    const cells = [...version.cells, ...period, bool(version.deleted), bool(version.approximate), `\\x${version.endedAt.hex}`, version.endedBy === null ? null : `\\x${version.endedBy}`];
    const record = `(${places.map((place) => recordField(cells[place] ?? null)).join(',')})`;
    piece.push(record);
    chars += record.length;
    if (chars < PIECE_CHARS) continue;
    yield piece;
    [piece, chars] = [[], 0];
  }
  if (piece.length > 0) yield piece;
}

const recordField = (cell: string | null): string => (cell === null ? '' : `"${cell.replace(/["\\]/g, '\\$&')}"`);

/**
 * As rows of the archive's own type, which reads each cell just as COPY does. Not by COPY, though we are in the batch's
 * transaction: while a server waits for a COPY's next line no timeout applies, and a process that is stopped there holds the
 * next owner up for ever (R2).
 */
async function writeEnded(sql: Sql, archive: Archive, ended: readonly EndedVersion[]): Promise<void> {
  if (ended.length === 0) return;
  const columns = archiveColumns(archive, ended.some((version) => version.endedBy !== null));
  const order = (await physicalColumns(sql, archive.table)).map(quoteName);
  const names = archiveColumns(archive, true).map((name) => (name.startsWith('"') ? name : quoteName(name)));
  const insert = `INSERT INTO ${archive.sql} (${columns.join(', ')}) SELECT ${columns.map((name) => `e.${name}`).join(', ')} FROM pg_catalog.unnest($1::${archive.sql}[]) AS e`;
  for (const records of endedRecords(archive, ended, { names, order })) await sql.execute(insert, [records]);
}

/** How rows of the target end as a set. SQL expressions; `t` is the target's row. */
export interface SetEnd {
  /** A timestamptz: when they end, at the earliest at their begin. */
  readonly at: string;
  /** What follows in the source's own period, where the rows have one; else their end is `at`. */
  readonly next?: string;
  readonly deleted: boolean;
  readonly approximate: string;
  readonly position: string;
  /** Identity of the event. */
  readonly change?: string;
}

/** Since when the row `t` is valid. */
function beginOf(target: Target, archive: Archive): string {
  return archive.inRow ? `t.${archive.from.quoted}` : target.keepsBegin ? `t.${BEGIN_COLUMN}` : `NULL::${TIMESTAMPTZ}`;
}

/** `INSERT INTO archive (…) SELECT … ` of rows `t`, up to FROM. */
export function archiveRows(target: Target, archive: Archive, end: SetEnd): string {
  const begin = beginOf(target, archive);
  const ends = archive.inRow ? `greatest(${end.next ?? asPeriod(archive.to, end.at)}, ${begin}::${archive.to.type})` : `greatest(${end.at}, ${begin})`;
  const cells = archive.columns.map((c) => (archive.inRow && c.quoted === archive.to.quoted ? ends : `t.${c.quoted}`));
  const period = archive.inRow ? [] : [begin, ends];
  return `INSERT INTO ${archive.sql} (${archiveColumns(archive, end.change !== undefined).join(', ')}) SELECT ${[...cells, ...period, String(end.deleted), end.approximate, end.position, ...(end.change === undefined ? [] : [end.change])].join(', ')}`;
}

/** Rows a truncate takes of keys that no event before it in the batch has touched; those are `deriveHistory`'s. */
async function archiveTruncated(sql: Sql, target: Target, batch: DerivedBatch & { readonly truncate: LogPosition; readonly known: ReadonlySet<string> }): Promise<void> {
  const { archive, mapping } = target;
  const { fold, state, truncate } = batch;
  const first = fold.changes.findIndex((event) => event.op === 'truncate');
  const event = fold.changes[first];
  if (archive === null || event === undefined) return;
  const { truncated } = state;
  if (truncated !== null && truncated.epoch === state.epoch && truncate.isBelow(truncated.position)) return;
  const identity = changeIdentity(mapping, event);
  // emitted again: it has ended what it found, and takes away what followed only until that is emitted again too
  if (identity !== null && batch.known.has(identity.id)) return;
  const before = [...touchedKeys(mapping, fold.changes.slice(0, first)).values()];
  const keys = keysAsArrays(target, before, 5);
  const inexact = (state.mixed && state.phase !== 'live') || (state.rereadUntil !== null && !state.rereadUntil.isBelow(truncate));
  const end: SetEnd = { at: '$3::timestamptz', deleted: true, approximate: archive.inRow || inexact ? 'true' : `(t.${EPOCH_COLUMN} < $1${state.phase === 'live' ? '' : ` OR t.${POSITION_COLUMN} = ''::pg_catalog.bytea`})`, position: '$2::bytea', ...(identity === null ? {} : { change: `pg_catalog.decode($4, 'hex')` }) };
  // rows that began after it were not there: it may be emitted again, having ended nothing
  const begin = beginOf(target, archive);
  const trusted = state.phase === 'live' ? 'true' : `t.${POSITION_COLUMN} IS NOT NULL`;
  await sql.execute(
    `${archiveRows(target, archive, end)} FROM ${target.sql} AS t
      WHERE (t.${EPOCH_COLUMN} < $1 OR (t.${EPOCH_COLUMN} = $1 AND (t.${POSITION_COLUMN} IS NULL OR t.${POSITION_COLUMN} <= $2::bytea) AND ${trusted}))
        AND ($4::text IS NULL OR ${begin} IS NULL OR ${begin} <= ${archive.inRow ? asPeriod(archive.from, '$3::timestamptz') : '$3::timestamptz'})
        AND NOT EXISTS (SELECT FROM ${keys.from} WHERE ${keys.same('t')})`,
    [state.epoch, event.tx.position.toBytes(), timestampText(event.tx.committedAtUs, true), identity?.hex ?? null, ...keys.values],
  );
}

/** The row `t` and another, staged or about to be inserted, differ in a column but these: by their texts, since types without equality exist (json, xml). */
export function imagesDiffer(target: Target, except: readonly string[], other: 's' | 'EXCLUDED'): string {
  const columns = target.columns.filter((c) => !except.includes(c.name));
  return columns.length === 0 ? 'false' : `(${columns.map((c) => `${textOf('t', c)} IS DISTINCT FROM ${textOf(other, other === 's' ? { ...c, quoted: c.property } : c)}`).join(' OR ')})`;
}
