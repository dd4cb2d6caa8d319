import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom, TestDatabase } from '@elstream/testing';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Tables of the Kafka worlds; history is derived for `doc`, `line` has a key of two columns and none. */
export const TABLES = [
  { table: 'public.doc', columns: ['id', 'title', 'body'] },
  { table: 'public.line', columns: ['order_id', 'line_no', 'sku', 'quantity'] },
] as const;

export type RecordedTable = 'doc' | 'line';

interface Doc {
  readonly id: number;
  readonly title: string;
  readonly body: string | null;
}

/** Stored out of line, so that updates of other columns leave it out of the log. */
const LONG = 5_000;
const LINES = 3;

/** `docs` rows in doc (every ninth with a body out of line), three lines for each in line. */
export async function createRecordedTables(source: TestDatabase, docs: number): Promise<void> {
  await source.query('CREATE TABLE doc (id bigint PRIMARY KEY, title text NOT NULL, body text)');
  await source.query('ALTER TABLE doc ALTER body SET STORAGE EXTERNAL');
  await source.query(`INSERT INTO doc SELECT i, 'title ' || i, CASE WHEN i % 9 = 0 THEN repeat('y', ${String(LONG)}) ELSE 'body ' || i END FROM generate_series(1, $1::int) i`, [docs]);
  await source.query('CREATE TABLE line (order_id int, line_no int, sku text, quantity int, PRIMARY KEY (order_id, line_no))');
  await source.query(`INSERT INTO line SELECT o, l, md5((o * l)::text), l FROM generate_series(1, $1::int) o, generate_series(1, ${String(LINES)}) l`, [docs]);
}

export const spelledDoc = ({ id, title, body }: Doc): string => JSON.stringify([id, title, body]);
export const spelledVersion = (row: Doc & { readonly deleted: boolean }): string => `${spelledDoc(row)} ${String(row.deleted)}`;

interface Record_ {
  rows: Map<number, Doc>;
  gone: number[];
  superseded: string[];
  events: { doc: number; line: number };
}

/**
 * The only one who writes, and remembers: rows, superseded versions, and how many events of each table capture owes.
 * Rows whose body lies out of line keep their key: an event of a new key would not carry the body, and the version in
 * between would be lost to history (R6, R13).
 */
export class RecordedWriter {
  transactions = 0;
  private client: Client | null = null;
  private known: Record_ = { rows: new Map(), gone: [], superseded: [], events: { doc: 0, line: 0 } };
  private docs = 0;
  private fresh = 100_000;
  private going = false;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: TestDatabase,
    private readonly random: SeededRandom,
  ) {}

  /** Reads how the table stands. */
  async begin(): Promise<void> {
    this.client = await this.database.client();
    const { rows } = await this.client.query<Doc>('SELECT id::int, title, body FROM doc');
    this.known.rows = new Map(rows.map((row) => [row.id, row]));
    this.docs = rows.length;
  }

  /** Events since `begin`, as capture has to deliver them. */
  get events(): Readonly<Record<RecordedTable, number>> {
    return this.known.events;
  }

  get rows(): string[] {
    return [...this.known.rows.values()].map(spelledDoc).sort();
  }

  get superseded(): string[] {
    return [...this.known.superseded].sort();
  }

  /** Writes transaction after transaction until `rest`. */
  start(pauseMs = 5): void {
    if (this.going) return;
    this.going = true;
    this.writing = (async () => {
      while (this.going) {
        await this.transaction();
        await sleep(this.random.int(0, 2 * pauseMs));
      }
    })();
    this.writing.catch(() => undefined);
  }

  /** Fails when the writer does. */
  get done(): Promise<void> {
    return this.writing;
  }

  /** Ends after the transaction in hand. */
  async rest(): Promise<void> {
    this.going = false;
    await this.writing;
  }

  async write(transactions: number): Promise<void> {
    for (let n = 0; n < transactions; n += 1) await this.transaction();
  }

  /** One transaction of `n` inserts, then an update of each: 2 n events, of `bytes` each and more. `during`: between the two, before the commit. */
  async large(n: number, bytes = 400, during?: () => Promise<void>): Promise<void> {
    const first = this.fresh + 1;
    this.fresh += n;
    const body = 'z'.repeat(bytes);
    await this.sql('BEGIN');
    await this.sql(`INSERT INTO doc SELECT i, 'large', $3 FROM generate_series($1::int, $2::int) i`, [first, first + n - 1, body]);
    await during?.();
    await this.sql(`UPDATE doc SET title = 'large again' WHERE id BETWEEN $1::int AND $2::int`, [first, first + n - 1]);
    await this.sql('COMMIT');
    this.transactions += 1;
    for (let id = first; id < first + n; id += 1) {
      this.known.superseded.push(spelledVersion({ id, title: 'large', body, deleted: false }));
      this.known.rows.set(id, { id, title: 'large again', body });
    }
    this.known.events.doc += 2 * n;
  }

  /** One transaction that copies `n` rows in, as bulk loads do: many rows share one place in the log. @returns their keys, as JSON */
  async copy(n: number): Promise<string[]> {
    const made = Array.from({ length: n }, (_, i): Doc => ({ id: this.fresh + 1 + i, title: `copied ${String(i)}`, body: null }));
    this.fresh += n;
    if (this.client === null) throw new Error('the writer has not begun');
    await pipeline(Readable.from(made.map(({ id, title }) => `${String(id)}\t${title}\n`)), this.client.query(copyFrom('COPY doc (id, title) FROM STDIN')));
    this.transactions += 1;
    for (const row of made) this.known.rows.set(row.id, row);
    this.known.events.doc += n;
    return made.map(({ id }) => JSON.stringify({ id }));
  }

  private async transaction(): Promise<void> {
    const { random } = this;
    const { rows, gone, superseded, events } = this.known;
    const before = { rows: new Map(rows), gone: [...gone], superseded: superseded.length, events: { ...events } };
    await this.sql('BEGIN');
    for (let n = random.int(1, 6); n > 0; n -= 1) await (random.chance(0.7) ? this.changeDoc() : this.changeLine());
    if (random.chance(0.1)) {
      await this.sql('ROLLBACK');
      superseded.length = before.superseded;
      this.known = { rows: before.rows, gone: before.gone, superseded, events: before.events };
    } else {
      await this.sql('COMMIT');
      this.transactions += 1;
    }
  }

  private async changeDoc(): Promise<void> {
    const { random, known } = this;
    const row = random.pick([...known.rows.values()]);
    const title = `title ${String(random.int(1, 1_000_000))}`;
    switch (random.int(1, 7)) {
      case 1:
        this.fresh += 1;
        return this.insert({ id: this.fresh, title, body: random.chance(0.3) ? null : 'x'.repeat(random.int(0, 9_000)) });
      case 2:
        await this.sql('DELETE FROM doc WHERE id = $1', [row.id]);
        this.remove(row);
        known.events.doc += 1;
        return;
      case 3: {
        if ((row.body?.length ?? 0) > 1_000) return;
        this.fresh += 1;
        const id = this.fresh;
        await this.sql('UPDATE doc SET id = $2 WHERE id = $1', [row.id, id]);
        this.remove(row);
        known.rows.set(id, { ...row, id });
        known.events.doc += 2;
        return;
      }
      case 4: {
        const id = known.gone.pop();
        if (id !== undefined) return this.insert({ id, title, body: 'again' });
        return;
      }
      default:
        // The body stays, and where it is long the event does not carry it.
        await this.sql('UPDATE doc SET title = $2 WHERE id = $1', [row.id, title]);
        known.rows.set(row.id, { ...row, title });
        known.superseded.push(spelledVersion({ ...row, deleted: false }));
        known.events.doc += 1;
    }
  }

  private async insert(made: Doc): Promise<void> {
    await this.sql('INSERT INTO doc VALUES ($1, $2, $3)', [made.id, made.title, made.body]);
    this.known.rows.set(made.id, made);
    this.known.events.doc += 1;
  }

  private remove(row: Doc): void {
    this.known.rows.delete(row.id);
    this.known.gone.push(row.id);
    this.known.superseded.push(spelledVersion({ ...row, deleted: true }));
  }

  private async changeLine(): Promise<void> {
    const order = this.random.int(1, this.docs);
    switch (this.random.int(1, 4)) {
      case 1:
        return this.line(`INSERT INTO line SELECT $1, l, 'again', l FROM generate_series(1, ${String(LINES)}) l ON CONFLICT DO NOTHING`, [order]);
      case 2:
        return this.line('DELETE FROM line WHERE order_id = $1 AND line_no > 1', [order]);
      case 3:
        return this.line('UPDATE line SET line_no = line_no + 10 WHERE order_id = $1 AND line_no = (SELECT max(line_no) FROM line WHERE order_id = $1)', [order], 2);
      default:
        return this.line('UPDATE line SET quantity = quantity + 1 WHERE order_id = $1', [order]);
    }
  }

  /** @param eventsOfRow a changed key is a delete and an insert */
  private async line(sql: string, params: readonly unknown[], eventsOfRow = 1): Promise<void> {
    this.known.events.line += eventsOfRow * (await this.sql(sql, params));
  }

  private async sql(text: string, params: readonly unknown[] = []): Promise<number> {
    if (this.client === null) throw new Error('the writer has not begun');
    return (await this.client.query(text, [...params])).rowCount ?? 0;
  }
}
