import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { FailpointName } from '@elstream/core';
import { eventually, SeededRandom, type TestDatabase } from '@elstream/testing';
import type { Client } from 'pg';
import { becomesEqual, startPipeline, twoDatabases, type Databases } from '../../../libs/runtime/src/pipeline.fixture';
import { PipelineProcess } from '../crash/child-process';
import { endOfLog, hasCaughtUp } from '../crash/comparison';

jest.setTimeout(240_000);

/** A row of `doc` as text: what the warehouse shows must be exactly this. */
interface Doc {
  readonly id: number;
  readonly title: string;
  readonly body: string | null;
}

const ROWS = 300;
const COLUMNS = ['id', 'title', 'body'] as const;
const spelled = ({ id, title, body }: Doc): string => JSON.stringify([id, title, body]);

/** Writes to `doc`, alone, and remembers: each superseded version, and how the table stood at moments between transactions. */
class RecordedWriter {
  readonly superseded: string[] = [];
  readonly moments: { readonly at: string; readonly rows: readonly string[] }[] = [];
  private rows = new Map<number, Doc>();
  private fresh = 10_000;

  constructor(
    private readonly client: Client,
    private readonly random: SeededRandom,
  ) {}

  async begin(): Promise<void> {
    const { rows } = await this.client.query<Doc>('SELECT id::int, title, body FROM doc');
    this.rows = new Map(rows.map((row) => [row.id, row]));
    await this.remember();
  }

  async remember(): Promise<void> {
    const { rows } = await this.client.query<{ at: string }>('SELECT clock_timestamp()::text AS at');
    this.moments.push({ at: rows[0]?.at ?? '', rows: [...this.rows.values()].map(spelled).sort() });
  }

  async transaction(): Promise<void> {
    const { random, client } = this;
    const before = { rows: new Map(this.rows), superseded: this.superseded.length };
    await client.query('BEGIN');
    for (let n = random.int(1, 6); n > 0; n -= 1) await this.change();
    if (random.chance(0.1)) {
      await client.query('ROLLBACK');
      this.rows = before.rows;
      this.superseded.length = before.superseded;
    } else {
      await client.query('COMMIT');
    }
  }

  private ends(row: Doc, deleted: boolean): void {
    this.superseded.push(`${spelled(row)} ${String(deleted)}`);
  }

  private async change(): Promise<void> {
    const { random, client } = this;
    const row = random.pick([...this.rows.values()]);
    const title = `title ${String(random.int(1, 1_000_000))}`;
    this.fresh += 1;
    switch (random.int(1, 6)) {
      case 1: {
        const made = { id: this.fresh, title, body: random.chance(0.3) ? null : 'x'.repeat(random.int(0, 9_000)) };
        await client.query('INSERT INTO doc VALUES ($1, $2, $3)', [made.id, made.title, made.body]);
        this.rows.set(made.id, made);
        return;
      }
      case 2:
        await client.query('DELETE FROM doc WHERE id = $1', [row.id]);
        this.rows.delete(row.id);
        this.ends(row, true);
        return;
      case 3:
        await client.query('UPDATE doc SET id = $2 WHERE id = $1', [row.id, this.fresh]);
        this.rows.delete(row.id);
        this.rows.set(this.fresh, { ...row, id: this.fresh });
        this.ends(row, true);
        return;
      default:
        // the body stays, and where it is long the event does not carry it
        await client.query('UPDATE doc SET title = $2 WHERE id = $1', [row.id, title]);
        this.rows.set(row.id, { ...row, title });
        this.ends(row, false);
    }
  }
}

async function createDocs(source: TestDatabase): Promise<void> {
  await source.query('CREATE TABLE doc (id bigint PRIMARY KEY, title text NOT NULL, body text)');
  await source.query('ALTER TABLE doc ALTER body SET STORAGE EXTERNAL');
  await source.query(`INSERT INTO doc SELECT i, 'title ' || i, CASE WHEN i % 9 = 0 THEN repeat('y', 5000) ELSE 'body ' || i END FROM generate_series(1, $1::int) i`, [ROWS]);
}

const DERIVED = '  settings: [{ match: public.doc, history: derived }]\ndefaults: { chunkRows: 100 }\n';

async function asOf(warehouse: TestDatabase, at: string): Promise<string[]> {
  const rows = await warehouse.query<Doc>('SELECT id::int, title, body FROM doc_as_of($1::timestamptz)', [at]);
  return rows.map(spelled).sort();
}

async function expectHistory(warehouse: TestDatabase, writer: RecordedWriter, random: SeededRandom): Promise<void> {
  const kept = await warehouse.query<Doc & { deleted: boolean }>('SELECT id::int, title, body, deleted FROM doc_archive');
  expect(kept.map((row) => `${spelled(row)} ${String(row.deleted)}`).sort()).toEqual([...writer.superseded].sort());
  expect(writer.moments.length).toBeGreaterThanOrEqual(50);
  for (const { at, rows } of random.shuffle(writer.moments).slice(0, 50)) expect(await asOf(warehouse, at)).toEqual(rows);
}

describe('derived history', () => {
  it('holds each superseded version exactly once, and the table as it stood at 50 random moments', async () => {
    await using databases = await twoDatabases();
    await createDocs(databases.source);
    await using pipeline = await startPipeline(databases, ['public.doc'], DERIVED);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'history');
    const writer = new RecordedWriter(await databases.source.client(), random);
    await writer.begin();
    for (let n = 1; n <= 900; n += 1) {
      await writer.transaction();
      if (n % 10 === 0) await writer.remember();
    }
    await becomesEqual(databases, 'public.doc', COLUMNS);
    await expectHistory(databases.warehouse, writer, random);
  });

  it('is the same when processes die inside batches, before and after their commits', async () => {
    await using databases = await twoDatabases();
    await createDocs(databases.source);
    await preloadInPassing(databases);
    const random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'killed');
    const writer = new RecordedWriter(await databases.source.client(), random);
    await writer.begin();
    const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-history-'));
    const process_ = (n: number, failpoint: FailpointName | null): PipelineProcess =>
      new PipelineProcess({ yaml: yamlOf(databases), ambush: failpoint === null ? null : { failpoint, occurrence: random.int(1, 3), signal: 'SIGKILL' }, keepRunning: false, marker: path.join(folder, `${String(n)}.mark`), logFile: path.join(folder, `${String(n)}.log`) });
    let last: PipelineProcess | null = null;
    try {
      const places: readonly FailpointName[] = ['batch:after-commit-before-acknowledge', 'batch:before-commit', 'batch:staged', 'batch:after-rows-before-checkpoint', 'batch:after-commit-before-acknowledge', 'batch:before-commit'];
      for (const [n, failpoint] of places.entries()) {
        const child = process_(n, failpoint);
        while (child.alive) {
          await writer.transaction();
          await writer.transaction();
          await writer.remember();
        }
        await child.diesAt(failpoint, { timeoutMs: 60_000 });
      }
      last = process_(places.length, null);
      const end = await endOfLog(databases.source);
      await eventually(() => hasCaughtUp(databases.warehouse, end), { timeoutMs: 60_000, intervalMs: 100, describe: 'the last process catching up' });
      await last.stop();
    } finally {
      await last?.kill();
      rmSync(folder, { recursive: true, force: true });
    }
    await becomesEqual(databases, 'public.doc', COLUMNS);
    await expectHistory(databases.warehouse, writer, random);
  });
});

const yamlOf = ({ source, warehouse }: Databases): string => `
name: history
source: { url: '${source.url}' }
warehouse: { url: '${warehouse.url}' }
tables:
  include: [public.doc]
${DERIVED}stream: { counterIntervalMs: 200, maxBatchEvents: 30, lingerMs: 10, publicationName: ${source.name}_history, slotName: ${source.name}_history }
`;

/** A process preloads the table, becomes live, and ends. */
async function preloadInPassing(databases: Databases): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-history-'));
  const first = new PipelineProcess({ yaml: yamlOf(databases), ambush: null, keepRunning: false, marker: path.join(folder, 'mark'), logFile: path.join(folder, 'log') });
  try {
    await eventually(async () => (await databases.warehouse.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'elstream' AND tablename = 'run'`)).length === 1, { timeoutMs: 30_000, describe: 'control tables' });
    await eventually(async () => (await databases.warehouse.query(`SELECT 1 FROM elstream.pipeline`)).length === 1, { timeoutMs: 30_000, describe: 'the pipeline' });
    await databases.warehouse.query(`WITH r AS (INSERT INTO elstream.run (id, pipeline, reason, tables, lane) VALUES (gen_random_uuid(), 'history', 'initial', '[]', 'load') RETURNING id, pipeline)
      INSERT INTO elstream.task (id, run_id, pipeline, kind, ordinal, payload) SELECT gen_random_uuid(), id, pipeline, 'prepare', 0, '{}' FROM r`);
    await eventually(async () => (await databases.warehouse.query(`SELECT 1 FROM elstream.run WHERE state = 'succeeded'`)).length === 1, { timeoutMs: 60_000, describe: `the first run\n${first.log.slice(-3_000)}` });
    await first.stop();
  } finally {
    await first.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const SAMPLE = readFileSync(path.join(__dirname, '..', '..', '..', 'sql', 'postgres', 'inventory.sql'), 'utf8');
const SAMPLE_TABLES = ['products', 'customers'] as const;
const COPIED = `  settings: [{ match: 'inventory.*', history: copied }]\ndefaults: { chunkRows: 100 }\n`;

async function textsOf(database: TestDatabase, query: string, values: readonly unknown[] = []): Promise<string[]> {
  return (await database.query<{ row: string }>(`SELECT to_jsonb(q)::text AS row FROM (${query}) q ORDER BY 1`, values)).map((r) => r.row);
}

async function changeSample(client: Client, random: SeededRandom, n: number): Promise<void> {
  await client.query('BEGIN');
  for (let i = random.int(1, 4); i > 0; i -= 1) {
    const fresh = 10_000 + n * 10 + i;
    switch (random.int(1, 5)) {
      case 1:
        await client.query(`INSERT INTO inventory.customers (id, first_name, last_name, email) VALUES ($1::int, 'new', 'customer', $1::int || '@x')`, [fresh]);
        break;
      case 2:
        await client.query('DELETE FROM inventory.customers WHERE id = (SELECT max(id) FROM inventory.customers WHERE id > 2000)');
        break;
      case 3:
        await client.query(`UPDATE inventory.products SET weight = $1::float8, name = 'p' || $1::float8 WHERE id = 101 + $2`, [n / 7, random.int(0, 8)]);
        break;
      case 4:
        await client.query('UPDATE inventory.customers SET id = $1 WHERE id = (SELECT min(id) FROM inventory.customers WHERE id > 2000)', [fresh + 500_000]);
        break;
      default:
        await client.query(`UPDATE inventory.customers SET last_name = left(last_name, 20) || '!' WHERE id = 1001 + $1`, [random.int(0, 3)]);
    }
  }
  await client.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
}

describe('copied history', () => {
  it('becomes equal to the archives of the source, and shows the tables as they stood at 50 random moments', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await source.query(SAMPLE);
    const random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'copied');
    const client = await source.client();
    const now = (table: string): string => `SELECT ${table === 'products' ? 'id, name, description, weight' : 'id, first_name, last_name, email'}, valid_from FROM`;
    for (let n = 0; n < 50; n += 1) await changeSample(client, random, n);
    await using pipeline = await startPipeline(databases, SAMPLE_TABLES.map((t) => `inventory.${t}`), COPIED);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const moments: { at: string; rows: Record<string, string[]> }[] = [];
    for (let n = 50; n < 600; n += 1) {
      await changeSample(client, random, n);
      if (n % 10 !== 0) continue;
      const [at] = await source.query<{ at: string }>('SELECT clock_timestamp()::text AS at');
      const rows: Record<string, string[]> = {};
      for (const table of SAMPLE_TABLES) rows[table] = await textsOf(source, `${now(table)} inventory.${table}`);
      moments.push({ at: at?.at ?? '', rows });
    }
    for (const table of SAMPLE_TABLES) {
      const columns = table === 'products' ? 'id, name, description, weight, valid_from, valid_to' : 'id, first_name, last_name, email, valid_from, valid_to';
      const archive = `SELECT ${columns} FROM inventory.${table}_archive`;
      const kept = await textsOf(source, archive);
      // Copied versions may be ahead of the stream: all there, and the row that follows them not yet.
      const last = await textsOf(source, `${now(table)} inventory.${table}`);
      await eventually(async () => expect(await textsOf(warehouse, `${now(table)} inventory.${table}`)).toEqual(last), { timeoutMs: 30_000, intervalMs: 100, describe: `rows of ${table}` });
      await eventually(async () => (await textsOf(warehouse, archive)).length >= kept.length, { timeoutMs: 30_000, intervalMs: 100, describe: `versions of ${table}` });
      expect(await textsOf(warehouse, archive)).toEqual(kept);
      for (const { at, rows } of random.shuffle(moments).slice(0, 50)) {
        expect(await textsOf(warehouse, `${now(table)} inventory.${table}_as_of($1::timestamptz)`, [at])).toEqual(rows[table]);
      }
    }
    expect(moments.length).toBeGreaterThanOrEqual(50);
    const ended = await warehouse.query<{ id: number }>('SELECT id FROM inventory.customers_archive a WHERE deleted AND EXISTS (SELECT FROM inventory.customers c WHERE c.id = a.id AND c.valid_from = a.valid_to)');
    expect(ended).toEqual([]);
  });
});
