import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom, TestDatabase } from '@elstream/testing';
import type { Client } from 'pg';

/** The tables of the crash world: name as in SQL and columns to compare. */
export const TABLES = [
  { table: 'public.account', columns: ['id', 'name', 'balance', 'note'] },
  { table: 'public.line', columns: ['order_id', 'line_no', 'sku', 'quantity'] },
  { table: 'public."Small Table"', columns: ['code', 'value'] },
] as const;

const ACCOUNTS = 9_000;
const ORDERS = 3_000;
const CODES = 300;
const SLOW_MS = 60;

/** 9,000 + 9,000 + 300 rows; every 40th note is stored out of line, so that updates leave it out of the log. */
export async function createTables(database: TestDatabase): Promise<void> {
  await database.query('CREATE TABLE account (id bigint PRIMARY KEY, name text NOT NULL, balance numeric, note text)');
  await database.query('ALTER TABLE account ALTER note SET STORAGE EXTERNAL');
  await database.query(`INSERT INTO account SELECT i, 'account ' || i, i / 7.0, CASE WHEN i % 40 = 0 THEN repeat(md5(i::text), 80) ELSE 'n' || i END FROM generate_series(1, $1::int) i`, [ACCOUNTS]);
  await database.query('CREATE TABLE line (order_id int, line_no int, sku text, quantity int, PRIMARY KEY (order_id, line_no))');
  await database.query(`INSERT INTO line SELECT o, l, md5((o * l)::text), l FROM generate_series(1, $1::int) o, generate_series(1, 3) l`, [ORDERS]);
  await database.query('CREATE TABLE "Small Table" (code text PRIMARY KEY, value text)');
  await database.query(`INSERT INTO "Small Table" SELECT 'code ' || i, i::text FROM generate_series(1, $1::int) i`, [CODES]);
}

export interface Writer {
  readonly transactions: number;
  /** Fails when the writer does. */
  readonly done: Promise<unknown>;
  /** Lets it write this many further transactions in haste; without it goes on, but slowly, so that a starved pipeline is not left behind for ever. */
  hurry(transactions: number): void;
  /** Ends after the transaction in hand. */
  stop(): Promise<void>;
}

/**
 * Changes the source all the time: inserts, updates, deletes, key moves, transactions of many rows, some left open for a
 * while, some rolled back, now and then a truncate. Two sessions on disjoint keys, so that transactions overlap.
 * A lost connection (a restarted server) is made again; whether its transaction had been committed does not matter here.
 */
export function startWriter(database: TestDatabase, random: SeededRandom): Writer {
  const state = { going: true, transactions: 0, haste: 0 };
  const sessions = [0, 1].map(async (lane) => {
    const session = new Session(lane, random.fork(`writer ${String(lane)}`));
    let client: Client | null = null;
    while (state.going) {
      try {
        client ??= await database.client();
        await session.transaction(client);
        state.transactions += 1;
        state.haste = Math.max(0, state.haste - 1);
      } catch (error) {
        if (!isDisconnected(error)) throw error;
        await client?.end().catch(() => undefined);
        client = null;
        await sleep(50);
      }
      await sleep(state.haste > 0 ? session.pauseMs() : SLOW_MS);
    }
  });
  const done = Promise.all(sessions);
  // Seen by `stop`; until then a failed writer is not unhandled.
  done.catch(() => undefined);
  return {
    done,
    get transactions() {
      return state.transactions;
    },
    hurry: (transactions) => {
      state.haste = transactions;
    },
    stop: async () => {
      state.going = false;
      await done;
    },
  };
}

/** A server that goes away says 57P0x, or nothing: the socket closes, or refuses. */
function isDisconnected(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '' || code.startsWith('57P') || code.startsWith('08') || ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOENT'].includes(code);
}

class Session {
  private fresh = 0;

  constructor(
    private readonly lane: number,
    private readonly random: SeededRandom,
  ) {}

  pauseMs(): number {
    return this.random.int(1, 12);
  }

  async transaction(client: Client): Promise<void> {
    const { random } = this;
    // Alone in its transaction: no session ever waits for two.
    if (this.lane === 0 && random.chance(0.005)) {
      await client.query('TRUNCATE "Small Table"');
      return;
    }
    await client.query('BEGIN');
    if (random.chance(0.02)) await this.many(client);
    for (let i = random.int(1, 6); i > 0; i -= 1) await this.change(client);
    if (random.chance(0.03)) await sleep(random.int(20, 250));
    await client.query(random.chance(0.08) ? 'ROLLBACK' : 'COMMIT');
  }

  /** More rows than go by small writes. */
  private async many(client: Client): Promise<void> {
    const from = this.random.int(1, ACCOUNTS - 1_200);
    await client.query('UPDATE account SET balance = balance + 1 WHERE id BETWEEN $1 AND $1 + 1200 AND id % 2 = $2', [from, this.lane]);
  }

  private async change(client: Client): Promise<void> {
    const { random, lane } = this;
    const id = this.ours(random.int(1, ACCOUNTS));
    const order = this.ours(random.int(1, ORDERS));
    const code = `code ${String(this.ours(random.int(1, CODES)))}`;
    this.fresh += 1;
    const fresh = 1_000_000 * (1 + lane) + this.fresh;
    switch (random.int(1, 10)) {
      case 1:
        await client.query('INSERT INTO account VALUES ($1::bigint, $2, $3, NULL) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name', [random.chance(0.5) ? id : fresh, `made ${String(fresh)}`, fresh]);
        return;
      case 2:
        await client.query(`UPDATE account SET balance = balance + 1, name = left(name, 30) || '!' WHERE id = $1`, [id]);
        return;
      case 3:
        // Some 8 to 80 kB, out of line.
        await client.query('UPDATE account SET note = repeat(md5($2::text), $3) WHERE id = $1', [id, fresh, random.int(250, 2_500)]);
        return;
      case 4:
        await client.query('DELETE FROM account WHERE id = $1', [id]);
        return;
      case 5:
        await client.query('UPDATE account SET id = $2 WHERE id = $1', [id, fresh]);
        return;
      case 6:
        await client.query(`INSERT INTO line SELECT $1, l, 'again ' || $2::text, l FROM generate_series(1, 4) l ON CONFLICT DO NOTHING`, [order, fresh]);
        return;
      case 7:
        await client.query('DELETE FROM line WHERE order_id = $1 AND line_no > 1', [order]);
        return;
      case 8:
        await client.query('UPDATE line SET line_no = line_no + 10, quantity = quantity + 1 WHERE order_id = $1 AND line_no = (SELECT max(line_no) FROM line WHERE order_id = $1)', [order]);
        return;
      case 9:
        await client.query('INSERT INTO "Small Table" VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET value = EXCLUDED.value', [code, String(fresh)]);
        return;
      default:
        await client.query(`UPDATE line SET sku = $2 WHERE order_id = $1`, [order, `sku ${String(fresh)}`]);
    }
  }

  /** The key of this session next to `n`. */
  private ours(n: number): number {
    return n - (n % 2) + this.lane;
  }
}
