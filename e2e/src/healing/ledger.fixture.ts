import { setTimeout as sleep } from 'node:timers/promises';
import type { Difference } from '@elstream/replication';
import type { SeededRandom, TestDatabase } from '@elstream/testing';
import type { Client } from 'pg';

/** A table of hard types. Rows whose id is a multiple of ten are at rest: the writer leaves them alone, so that a damage stays. */
export const LEDGER = 'public.ledger';
export const LEDGER_COLUMNS = ['id', 'code', 'name', 'amount', 'rate', 'at', 'payload', 'note'] as const;

export async function createLedger(source: TestDatabase, rows: number): Promise<void> {
  await source.query(`CREATE TABLE ledger (id bigint PRIMARY KEY, code char(8), name text, amount numeric(20,6), rate float8, at timestamptz, payload bytea, note text)`);
  await source.query('ALTER TABLE ledger ALTER note SET STORAGE EXTERNAL');
  await source.query(
    `INSERT INTO ledger SELECT i, 'c' || i % 1000, 'name ' || i, i / 7.0, CASE WHEN i % 20 = 0 THEN 0 ELSE i / 3.0 END, '2020-01-01 00:00:00.123456+00'::timestamptz + i * interval '1.000001 s',
            decode(md5(i::text), 'hex'), CASE WHEN i % 400 = 0 THEN repeat(md5(i::text), 80) WHEN i % 30 = 0 THEN NULL WHEN i % 70 = 0 THEN '' ELSE 'note ' || i END FROM generate_series(1, $1::int) i`,
    [rows],
  );
}

export interface Writer {
  readonly transactions: number;
  stop(): Promise<void>;
}

/** Two sessions without pause on disjoint keys: updates of rows that are changed all the time, inserts, deletes, key moves, deletes that come back, long transactions, rollbacks. */
export function startHeavyWriter(database: TestDatabase, random: SeededRandom, rows: number): Writer {
  const state = { going: true, transactions: 0 };
  const session = async (lane: number): Promise<void> => {
    const client = await database.client();
    const own = random.fork(`lane ${String(lane)}`);
    for (let n = 0; state.going; n += 1) {
      await client.query('BEGIN');
      for (let i = own.int(1, 5); i > 0; i -= 1) await change(client, own, { lane, fresh: 10_000_001 + 10_000_000 * lane + n * 100 + i * 10, rows });
      if (own.chance(0.01)) await sleep(own.int(50, 400));
      await client.query(own.chance(0.05) ? 'ROLLBACK' : 'COMMIT');
      state.transactions += 1;
    }
  };
  const done = Promise.all([session(0), session(1)]);
  done.catch(() => undefined);
  return {
    get transactions() {
      return state.transactions;
    },
    stop: async () => {
      state.going = false;
      await done;
    },
  };
}

async function change(client: Client, random: SeededRandom, { lane, fresh, rows }: { readonly lane: number; readonly fresh: number; readonly rows: number }): Promise<void> {
  // ids of lane 0 end in 1 to 4, of lane 1 in 6 to 9
  const hot = random.chance(0.3);
  const id = 10 * random.int(0, hot ? 20 : Math.floor(rows / 10) - 1) + random.int(1, 4) + 5 * lane;
  switch (random.int(1, 8)) {
    case 1:
      await client.query(`INSERT INTO ledger VALUES ($1::bigint, 'new', 'new ' || $1::bigint, $1::bigint, $1::bigint, now(), NULL, NULL) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name`, [fresh]);
      return;
    case 2:
      await client.query('DELETE FROM ledger WHERE id = $1', [id]);
      return;
    case 3:
      await client.query(`INSERT INTO ledger VALUES ($1, 'back', 'back', 1, '-0', now(), '\\x00', '') ON CONFLICT (id) DO UPDATE SET amount = ledger.amount + 0.000001`, [id]);
      return;
    case 4:
      await client.query('UPDATE ledger SET id = $2 WHERE id = $1', [id, fresh]);
      return;
    case 5:
      await client.query('DELETE FROM ledger WHERE id = $1', [id]);
      await client.query(`INSERT INTO ledger VALUES ($1, 'again', 'again', 2, 2, now(), NULL, 'again')`, [id]);
      return;
    default:
      await client.query(`UPDATE ledger SET amount = amount + 1, rate = -rate, at = now(), name = left(name, 20) || '!' WHERE id = $1`, [id]);
  }
}

interface Damage {
  readonly kind: Difference['kind'];
  readonly columns: readonly string[];
  /** Of the warehouse's row `$1`. */
  readonly sql: string;
  /** Which rows at rest can be damaged so; SQL over the source's row. */
  readonly where: string;
}

/** All kinds of damage: each as small as it can be. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'a missing row': { kind: 'missing', columns: [], sql: 'DELETE FROM ledger WHERE id = $1', where: 'true' },
  'NULL that became empty': { kind: 'unequal', columns: ['note'], sql: `UPDATE ledger SET note = '' WHERE id = $1`, where: 'note IS NULL' },
  'empty that became NULL': { kind: 'unequal', columns: ['note'], sql: 'UPDATE ledger SET note = NULL WHERE id = $1', where: `note = ''` },
  'a trailing blank': { kind: 'unequal', columns: ['name'], sql: `UPDATE ledger SET name = name || ' ' WHERE id = $1`, where: 'true' },
  'the last digit of a numeric': { kind: 'unequal', columns: ['amount'], sql: 'UPDATE ledger SET amount = amount + 0.000001 WHERE id = $1', where: 'true' },
  'a microsecond': { kind: 'unequal', columns: ['at'], sql: `UPDATE ledger SET at = at + interval '1 microsecond' WHERE id = $1`, where: 'true' },
  'a zero with a sign': { kind: 'unequal', columns: ['rate'], sql: `UPDATE ledger SET rate = '-0' WHERE id = $1`, where: 'rate = 0' },
  'a byte': { kind: 'unequal', columns: ['payload'], sql: `UPDATE ledger SET payload = set_byte(payload, 15, 255 - get_byte(payload, 15)) WHERE id = $1`, where: 'true' },
  'a large value cut by a character': { kind: 'unequal', columns: ['note'], sql: 'UPDATE ledger SET note = left(note, -1) WHERE id = $1', where: 'length(note) > 1000' },
};

/** A row that the source deleted and the warehouse still has: with a version of the epoch, as a lost delete leaves it. */
export const MISSING_DELETE = `INSERT INTO ledger SELECT (jsonb_populate_record(l, jsonb_build_object('id', $2::bigint))).* FROM ledger l WHERE id = $1`;
