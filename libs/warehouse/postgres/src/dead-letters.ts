import { CAPTURE_RESUMED, encodeDeadLetterRow, takesEvents, type EventCell, type ParkedEvent } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { LockedState, RepairOutcome } from '@elstream/warehouse';
import { noteDue } from './history/due';

/** Rows of one INSERT. */
const PER_STATEMENT = 500;

export function isActive(state: LockedState | undefined): state is LockedState {
  return state !== undefined && takesEvents(state);
}

export interface Parking {
  readonly pipeline: string;
  readonly parked: readonly ParkedEvent[];
  /** As locked and read in this transaction; what concerns other tables, or such as take no events, is passed over. */
  readonly states: ReadonlyMap<string, LockedState>;
  /** More than this many parked for one code stop the table. */
  readonly limit: number;
}

/** R7: parks in the caller's transaction. Returns the tables it stopped. */
export async function park(sql: Sql, { pipeline, parked, states, limit }: Parking): Promise<string[]> {
  const taken = parked.filter((letter) => isActive(states.get(letter.table)));
  for (let start = 0; start < taken.length; start += PER_STATEMENT) await insert(sql, pipeline, taken.slice(start, start + PER_STATEMENT), states);
  const stopped: string[] = [];
  for (const table of new Set(taken.map((letter) => letter.table))) {
    const due = taken.flatMap((letter) => (letter.table === table ? (letter.dueHistory ?? []) : []));
    await noteDue(sql, pipeline, table, due.filter((key) => keyJson(key) !== null));
    if ((await stopAboveLimit(sql, pipeline, table, limit)) !== null) stopped.push(table);
  }
  return stopped;
}

/** No text of PostgreSQL holds NUL or half a surrogate pair, which may be the very reason to park: `bytes` keeps them. */
function storable(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\ufffd');
}

/** A key that cannot be stored exactly is no key to replay by. */
export function keyJson(key: readonly string[] | null): string | null {
  return key === null || key.some((cell) => storable(cell) !== cell) ? null : JSON.stringify(key);
}

/** For people to look at. */
export function rowJson(row: readonly EventCell[]): string {
  return JSON.stringify(encodeDeadLetterRow(row.map((cell) => (typeof cell === 'string' ? storable(cell) : cell))));
}

async function insert(sql: Sql, pipeline: string, letters: readonly ParkedEvent[], states: Parking['states']): Promise<void> {
  const columns: readonly (readonly [name: string, type: string, values: readonly unknown[]])[] = [
    ['table_id', 'text', letters.map((l) => l.table)],
    ['origin', 'text', letters.map((l) => l.origin)],
    ['op', 'text', letters.map((l) => l.op)],
    ['key', 'text::jsonb', letters.map((l) => keyJson(l.key))],
    ['old_key', 'text::jsonb', letters.map((l) => keyJson(l.oldKey))],
    ['"row"', 'text::jsonb', letters.map((l) => (l.row === null ? null : rowJson(l.row)))],
    ['bytes', 'bytea', letters.map((l) => Buffer.from(l.bytes))],
    ['code', 'text', letters.map((l) => l.code)],
    ['reason', 'text', letters.map((l) => storable(l.reason))],
    ['position', 'text', letters.map((l) => l.position?.hex ?? null)],
    ['committed_at_us', 'int8', letters.map((l) => l.committedAtUs?.toString() ?? null)],
    ['epoch', 'int4', letters.map((l) => states.get(l.table)?.epoch ?? 0)],
  ];
  const bare = (type: string): string => type.replace(/::.*/, '');
  const names = columns.map(([name]) => name);
  await sql.execute(
    `INSERT INTO elstream.dead_letter (pipeline, ${names.join(', ')})
     SELECT $1, ${columns.map(([name, type]) => `u.${name}${type.slice(bare(type).length)}`).join(', ')}
       FROM unnest(${columns.map(([, type], i) => `$${i + 2}::${bare(type)}[]`).join(', ')}) WITH ORDINALITY AS u(${names.join(', ')}, ord) ORDER BY u.ord`,
    [pipeline, ...columns.map(([, , values]) => values)],
  );
}

export interface Parked {
  readonly parked: number;
  /** Why the table was stopped in this transaction, in words; null: it was not. */
  readonly stopped: string | null;
}

/** The same for rows of a chunk, from the temporary table they were noted in. */
export async function parkStaged(sql: Sql, chunk: { readonly pipeline: string; readonly table: string; readonly epoch: number; readonly from: string; readonly limit: number }): Promise<Parked> {
  const { pipeline, table, epoch, from, limit } = chunk;
  const parked = await sql.execute(
    `INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, "key", "row", bytes, code, reason, epoch)
     SELECT $1, $2, 'preload', 'row', b."key"::jsonb, b."row"::jsonb, b.bytes, b.code, b.reason, $3::int4 FROM ${from} AS b ORDER BY b.ord`,
    [pipeline, table, epoch],
  );
  return { parked, stopped: await stopAboveLimit(sql, pipeline, table, limit) };
}

/**
 * Too many for one reason are no stray values: the column's type, or the table, is wrong. Under the table's locks. Returns
 * why. Rows that capture may have left out do not count: the warehouse refused none of them.
 */
export async function stopAboveLimit(sql: Sql, pipeline: string, table: string, limit: number): Promise<string | null> {
  const [most] = await sql.query<{ code: string; parked: number; reason: string }>(
    `SELECT d.code, count(*)::int AS parked, (array_agg(d.reason ORDER BY d.seq DESC))[1] AS reason FROM elstream.dead_letter AS d
      WHERE d.pipeline = $1 AND d.table_id = $2 AND d.state = 'parked' AND d.code <> $4 GROUP BY d.code HAVING count(*) > $3 ORDER BY 2 DESC, 1 LIMIT 1`,
    [pipeline, table, limit, CAPTURE_RESUMED],
  );
  if (most === undefined) return null;
  const error = `${most.parked} events or rows are parked for ${most.code}, more than the limit of ${limit}; the last: ${most.reason}. Override the column's type in the pipeline file or mend the rows at the source, then start a run for the table: it loads it again and discards what is parked`;
  await sql.execute(`UPDATE elstream.table_state SET phase = 'stopped', error = $3, updated_at = now() WHERE pipeline = $1 AND table_id = $2`, [pipeline, table, error]);
  return error;
}

/** A new epoch reads the table anew: what was parked in an older one says nothing any more. In the transaction that raises it. */
export async function discardOlder(sql: Sql, pipeline: string, table: string, epoch: number): Promise<number> {
  return sql.execute(
    `UPDATE elstream.dead_letter SET state = 'discarded', settled_at = now(), note = 'the table was preloaded again'
      WHERE pipeline = $1 AND table_id = $2 AND state = 'parked' AND epoch < $3`,
    [pipeline, table, epoch],
  );
}

/** Commit times of parked changes of single rows that are being replayed, by id: derived history notes what they end. Locks them. */
export async function readReplayed(sql: Sql, pipeline: string, ids: readonly string[]): Promise<Map<string, { readonly op: string; readonly committedAtUs: bigint }>> {
  const rows = await sql.query<{ id: string; op: string; at: string }>(
    `SELECT id::text AS id, op, committed_at_us::text AS at FROM elstream.dead_letter
      WHERE pipeline = $1 AND id = ANY ($2::uuid[]) AND state = 'parked' AND committed_at_us IS NOT NULL AND op IN ('insert', 'update', 'delete') ORDER BY id FOR UPDATE`,
    [pipeline, ids],
  );
  return new Map(rows.map(({ id, op, at }) => [id, { op, committedAtUs: BigInt(at) }]));
}

const NOTES: Readonly<Record<Exclude<RepairOutcome, 'moved'>, string>> = {
  written: "the source's row was written",
  deleted: 'the source has no such row; it was deleted',
  unchanged: 'nothing had to be written',
};

/** A replay has come to an end: in the transaction of its repair. One that is no longer parked is left as it is. */
export async function settle(sql: Sql, pipeline: string, id: string, outcome: Exclude<RepairOutcome, 'moved'>): Promise<void> {
  await sql.execute(`UPDATE elstream.dead_letter SET state = 'replayed', settled_at = now(), note = $3 WHERE id = $1 AND pipeline = $2 AND state = 'parked'`, [id, pipeline, NOTES[outcome]]);
}
