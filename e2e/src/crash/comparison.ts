import { expectSameRows, type TestDatabase } from '@elstream/testing';
import { countLoggedEvents } from './counting-slot';
import { TABLES } from './writer';

export interface Sides {
  readonly source: TestDatabase;
  readonly warehouse: TestDatabase;
}

/** What a world came to. */
export interface Booked {
  readonly rows: number;
  readonly eventsApplied: number;
  readonly eventsInLog: number;
  readonly runs: number;
}

/** The end of the source's log, as a number. */
export async function endOfLog(source: TestDatabase): Promise<bigint> {
  const [end] = await source.query<{ lsn: string }>(`SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn`);
  return BigInt(end?.lsn ?? '0');
}

/** No run is active and the checkpoint is at or above `end`. */
export async function hasCaughtUp(warehouse: TestDatabase, end: bigint): Promise<boolean> {
  const [checkpoint] = await warehouse.query<{ position: string }>('SELECT left(next_offset, 16) AS position FROM elstream.checkpoint');
  const active = await warehouse.query(`SELECT 1 FROM elstream.run WHERE state IN ('pending', 'running')`);
  return active.length === 0 && BigInt(`0x${checkpoint?.position ?? '0'}`) >= end;
}

/** Every table row by row, both ways, and the applied events against the second slot's count. Throws at any difference. */
export async function compareSides({ source, warehouse }: Sides, publication: string): Promise<Booked> {
  let rows = 0;
  for (const { table, columns } of TABLES) rows += await expectSameRows({ url: source.url, table, columns }, { url: warehouse.url, table, columns });
  const booked = { rows, eventsInLog: await countLoggedEvents(source, publication), ...(await readBooks(warehouse)) };
  if (booked.eventsApplied !== booked.eventsInLog) throw new Error(`${String(booked.eventsApplied)} events were applied, the second slot counted ${String(booked.eventsInLog)}`);
  return booked;
}

/** What the control tables say; a failed run, a found difference or a log gap would be a defect of ours. A cancelled run made way for another. */
async function readBooks(warehouse: TestDatabase): Promise<Pick<Booked, 'eventsApplied' | 'runs'>> {
  const [events] = await warehouse.query<{ n: string; generation: number }>('SELECT sum(events_applied)::text AS n, max(generation) AS generation FROM elstream.checkpoint');
  const bad = await warehouse.query(`SELECT state, reason, error FROM elstream.run WHERE state NOT IN ('succeeded', 'cancelled') OR reason = 'log-gap'`);
  const differing = await warehouse.query(`SELECT table_id, result FROM elstream.task WHERE kind = 'validate-chunk' AND (result->>'differenceCount')::int > 0`);
  if (bad.length > 0 || differing.length > 0 || events?.generation !== 1) throw new Error(`not every run went well: ${JSON.stringify({ bad, differing, events })}`);
  const [runs] = await warehouse.query<{ n: number }>('SELECT count(*)::int AS n FROM elstream.run');
  return { eventsApplied: Number(events.n), runs: runs?.n ?? 0 };
}
