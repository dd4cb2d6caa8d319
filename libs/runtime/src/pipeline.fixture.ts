import { loadPipelineText } from '@elstream/config';
import type { Run } from '@elstream/control';
import type { Service } from '@elstream/core';
import { createPlanner, createStreamer, createTaskWorker } from '@elstream/replication';
import { capturingLogger, createTestDatabase, eventually, expectSameRows, type CapturingLogger, type EventuallyOptions, type OwnServer, type TestDatabase } from '@elstream/testing';
import { createRuntime, type Runtime } from './index';

export interface RunningPipeline extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly logger: CapturingLogger;
  /** Fails when one of the services ends by itself. */
  readonly services: Promise<unknown>;
  startRun(): Promise<Run>;
  /** Waits for the end of the run and expects this state. */
  runEnds(runId: string, state?: Run['state']): Promise<Run>;
  stop(): Promise<void>;
}

export interface Databases extends AsyncDisposable {
  readonly source: TestDatabase;
  readonly warehouse: TestDatabase;
}

/** What a pipeline has to be told of its databases; the warehouse may be of another product. */
export interface StartedOn {
  readonly source: { readonly url: string; readonly name: string };
  readonly warehouse: { readonly url: string };
  /** How long a run may take; default 60,000 ms. */
  readonly runMs?: number;
  /** Inside of the pipeline file's mapping `stream`; default: a direct stream. */
  readonly stream?: string;
  /** Between looks at capture beside the stream; default 200 ms. */
  readonly guardMs?: number;
}

/** Both databases, on the shared server or on servers of their own. */
export async function twoDatabases(servers: { readonly source?: OwnServer; readonly warehouse?: OwnServer } = {}): Promise<Databases> {
  const source = await (servers.source?.createDatabase('src') ?? createTestDatabase('src'));
  const warehouse = await (servers.warehouse?.createDatabase('wh') ?? createTestDatabase('wh'));
  return {
    source,
    warehouse,
    [Symbol.asyncDispose]: async () => {
      await source.drop();
      await warehouse.drop();
    },
  };
}

/** `eventually` for a thing that is not there at first (null). */
export async function until<T>(probe: () => Promise<T | null | undefined>, options: EventuallyOptions = {}): Promise<T> {
  const found: { thing: T }[] = [];
  await eventually(async () => {
    const thing = await probe();
    if (thing === null || thing === undefined) return false;
    found.push({ thing });
    return true;
  }, options);
  const [first] = found;
  if (first === undefined) throw new RangeError('unreachable');
  return first.thing;
}

const FAST = { pollMs: 200, backoff: { minMs: 50, maxMs: 500 }, guardMs: 200, graceMs: 1_000 };

/** The whole product in this process, without HTTP. `more` is YAML below the tables of the pipeline file, `onSource` further source settings. */
export async function startPipeline(databases: StartedOn, include: readonly string[], more = '', onSource = ''): Promise<RunningPipeline> {
  const name = databases.source.name.replaceAll('_', '-').slice(0, 40);
  const yaml = `
name: ${name}
source: { url: '${databases.source.url}'${onSource === '' ? '' : `, ${onSource}`} }
warehouse: { url: '${databases.warehouse.url}' }
stream: { counterIntervalMs: 300${databases.stream === undefined ? '' : `, ${databases.stream}`} }
tables:
  include: ${JSON.stringify(include)}
${more}`;
  const { config } = loadPipelineText(yaml, {});
  const logger = capturingLogger();
  const runtime = await createRuntime({ pipelines: [config], logger });
  const backoff = { minMs: 50, maxMs: 500 };
  const services: readonly Service[] = [
    createTaskWorker(runtime.deps, 'preload', { concurrency: 4, backoff, heartbeatMs: 500 }),
    createTaskWorker(runtime.deps, 'validate', { concurrency: 2, backoff, heartbeatMs: 500 }),
    createStreamer(runtime.deps, { ...FAST, ...(databases.guardMs === undefined ? {} : { guardMs: databases.guardMs }) }),
    createPlanner(runtime.deps, { activeMs: 50, idleMs: 200, abandonedMs: 3_000, alone: true }),
  ];
  const running = Promise.all(services.map((service) => service.run()));
  running.catch(() => undefined);
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      await Promise.all(services.map((service) => service.stop()));
      await running;
      await runtime.close();
    })());
  return {
    runtime,
    logger,
    services: running,
    startRun: async () => runtime.store.createRun({ pipeline: name, reason: 'initial', tables: [] }),
    runEnds: async (runId, state = 'succeeded') => {
      const run = await until(async () => {
        const found = await runtime.store.readRun(runId);
        return found !== null && found.finishedAt !== null ? found : null;
      }, { timeoutMs: databases.runMs ?? 60_000, describe: `the end of the run\n${logger.text().slice(-4_000)}` });
      if (run.state !== state) throw new Error(`run ${run.state}: ${run.error ?? ''}\n${logger.text().slice(-6_000)}`);
      return run;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until both tables hold the same rows; `columns` and `table` as written in SQL, the same on both sides. */
export async function becomesEqual(databases: Databases, table: string, columns: readonly string[]): Promise<number> {
  return eventually(
    () => expectSameRows({ url: databases.source.url, table, columns }, { url: databases.warehouse.url, table, columns }),
    { timeoutMs: 40_000, intervalMs: 200, describe: `${table} equal on both sides` },
  );
}

/** Keeps changing `public.item` (inserts, updates, deletes, key moves, a rolled-back transaction) until stopped; resolves to the number of transactions. */
export function startWriter(database: TestDatabase, transactions = Infinity): { stop(): Promise<number> } {
  let going = true;
  const done = (async () => {
    const client = await database.client();
    let n = 0;
    for (; going && n < transactions; n += 1) {
      const id = 1 + ((n * 7919) % 3_000);
      await client.query('BEGIN');
      await client.query('INSERT INTO item (id, name, amount) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, amount = EXCLUDED.amount', [100_000 + n, `new ${String(n)}`, n]);
      await client.query('UPDATE item SET amount = amount + 1, name = name || $2 WHERE id = $1', [id, '!']);
      if (n % 3 === 0) await client.query('DELETE FROM item WHERE id = $1', [id + 1]);
      if (n % 5 === 0) await client.query('UPDATE item SET id = $2 WHERE id = $1', [id + 2, 1_000_000 + n]);
      await client.query(n % 11 === 0 ? 'ROLLBACK' : 'COMMIT');
    }
    return n;
  })();
  return {
    stop: async () => {
      going = false;
      return done;
    },
  };
}

export const ITEM = ['id', 'name', 'amount', 'note'] as const;

/** `public.item` with `rows` rows; some notes are stored out of line, so that updates leave them out of the log. */
export async function createItems(database: TestDatabase, rows: number): Promise<void> {
  await database.query('CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL, amount numeric, note text)');
  await database.query('ALTER TABLE item ALTER note SET STORAGE EXTERNAL');
  await database.query(
    `INSERT INTO item SELECT i, 'item ' || i, i / 3.0, CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 100) WHEN i % 7 = 0 THEN NULL ELSE 'n' || i END FROM generate_series(1, $1::int) i`,
    [rows],
  );
}
