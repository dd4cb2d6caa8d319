import { SeededRandom, createTestDatabase, eventually, type EventuallyOptions, type TestDatabase } from '@elstream/testing';
import { startRedisServer, type RedisServer } from '@elstream/servers';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareSides, endOfLog, hasCaughtUp, type Booked } from '../crash/comparison';
import { createCountingSlot, dropCountingSlot } from '../crash/counting-slot';
import { createTables, startWriter, type Writer } from '../crash/writer';
import { Fleet, type Replica, type ServiceName } from './fleet.fixture';
import { ask, call, type Answer, type PipelineView, type RunDetail } from './rest.fixture';

export const PIPELINE = 'services';
const PUBLICATION = 'elstream_services_publication';
/** What does not come about within this long is stuck; generous, for machines under load. */
export const PATIENCE_MS = 90_000;
const HASTE = 150;
/** A streamer looks at the control tables every second: longer than one needs to see that what it has just taken up is paused. */
const STILL_MS = 3_000;
/** Within this long a pause must be in force, Redis or not; generous, for machines under load. */
const PAUSES_WITHIN_MS = 30_000;

export interface HeldTask {
  readonly id: string;
  readonly kind: string;
  readonly attempt: number;
  readonly worker: string;
}

export interface WorldOptions {
  readonly seed: string;
  readonly leaseMs: number;
  readonly counts?: Partial<Record<ServiceName, number>>;
}

/**
 * The four services as processes, between a source, a warehouse and a Redis of their own. The databases are read here to
 * see what stands in the control tables; everything that is done to the product is done through REST, signals and faults.
 */
export class ServicesWorld implements AsyncDisposable {
  private writer: Writer | null = null;
  private readonly random: SeededRandom;
  private looking: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly source: TestDatabase,
    readonly warehouse: TestDatabase,
    private readonly parts: { readonly redis: RedisServer; readonly fleet: Fleet; readonly folder: string; readonly options: WorldOptions },
  ) {
    this.random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? parts.options.seed);
  }

  /** Databases, tables and Redis are there; no process is started. */
  static async create(options: WorldOptions): Promise<ServicesWorld> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-services-'));
    const [source, warehouse, redis] = await Promise.all([createTestDatabase('services_src'), createTestDatabase('services_wh'), startRedisServer()]);
    await createTables(source);
    mkdirSync(path.join(folder, 'pipelines'));
    writeFileSync(path.join(folder, 'pipelines', 'services.yaml'), pipelineFile(source));
    const env = {
      PIPELINES_DIR: 'pipelines',
      SOURCE_URL: source.url,
      WAREHOUSE_URL: warehouse.url,
      REDIS_URL: redis.url,
      LEASE_DURATION: `${String(options.leaseMs)}ms`,
      LOG_LEVEL: 'info',
    };
    const fleet = await Fleet.create({ gateway: 2, preloader: 2, streamer: 2, validator: 1, ...options.counts }, { folder, env });
    return new ServicesWorld(source, warehouse, { redis, fleet, folder, options });
  }

  /** All processes are ready and have finished a first run; the second slot counts from here on, and the writer is at work. */
  static async open(options: WorldOptions): Promise<ServicesWorld> {
    const world = await ServicesWorld.create(options);
    try {
      world.fleet.startAll();
      await world.fleet.ready();
      await world.begin();
    } catch (error) {
      const told = world.explain(error);
      await world[Symbol.asyncDispose]();
      throw told;
    }
    return world;
  }

  get fleet(): Fleet {
    return this.parts.fleet;
  }

  get redis(): RedisServer {
    return this.parts.redis;
  }

  get leaseMs(): number {
    return this.parts.options.leaseMs;
  }

  /** Nothing changed in the source before: so the second slot, made after the pipeline's, sees the same events. */
  async begin(): Promise<void> {
    await this.runEnds(await this.startRun());
    await createCountingSlot(this.source);
    this.writer = startWriter(this.source, this.random);
    this.hurry();
  }

  /** The writer goes on without pauses for a while. */
  hurry(): void {
    this.writer?.hurry(HASTE);
  }

  /** Waits until `probe` neither throws nor returns false; ended by a process or a writer that dies of itself. The error holds the logs. */
  async until<T>(describe: string, probe: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<Exclude<T, false>> {
    const unlessFails = Promise.race([this.fleet.failed, ...(this.writer === null ? [] : [this.writer.done.then(() => new Promise(() => undefined))])]);
    unlessFails.catch(() => undefined);
    try {
      return (await eventually(probe, { timeoutMs: PATIENCE_MS, intervalMs: 50, describe, unlessFails, ...options })) as Exclude<T, false>;
    } catch (error) {
      throw this.explain(error);
    }
  }

  explain(error: unknown): Error {
    return new Error(`${error instanceof Error ? error.message : String(error)}\n${this.fleet.logs()}`, { cause: error });
  }

  /** Does it through whichever gateway answers. */
  async through<T>(describe: string, request: (gateway: Replica) => Promise<T>): Promise<Exclude<T, false>> {
    return this.until(describe, async () => {
      let last: unknown = new Error('no gateway is awake');
      for (const gateway of this.random.shuffle(this.fleet.of('gateway').filter((g) => g.awake && g.address !== null))) {
        try {
          return await request(gateway);
        } catch (error) {
          last = error;
        }
      }
      throw last;
    });
  }

  /** Starts a run through any gateway, or finds the one that is active; returns its id. */
  startRun(stages?: readonly string[]): Promise<string> {
    return this.through('starting a run', async (gateway) => {
      const { status, body }: Answer<{ id?: string; runId?: string }> = await call(gateway, 'POST', `/pipelines/${PIPELINE}/runs`, { body: stages === undefined ? {} : { stages } });
      const id = status === 201 ? body.id : status === 409 ? body.runId : undefined;
      if (id === undefined) throw new Error(`${String(status)} ${JSON.stringify(body)}`);
      return id;
    });
  }

  run(id: string): Promise<RunDetail> {
    return this.through(`reading run ${id}`, (gateway) => ask<RunDetail>(gateway, 'GET', `/runs/${id}`));
  }

  /** Waits until the run has succeeded without a difference, and every row its chunks copied was counted once. */
  async runEnds(id: string): Promise<RunDetail> {
    const run = await this.until(`run ${id} ending`, async () => {
      const now = await this.run(id);
      if (now.state === 'pending' || now.state === 'running') throw new Error(JSON.stringify(now));
      return now;
    });
    if (run.state !== 'succeeded' || run.differences > 0) throw this.explain(new Error(`run ${id}: ${JSON.stringify(run)}`));
    await this.assertCountedOnce(id);
    return run;
  }

  /** No task of an ended run is open, and what the tables say was preloaded is what their done chunks read: a chunk counted twice would show. */
  private async assertCountedOnce(runId: string): Promise<void> {
    const open = await this.look(`SELECT kind, state, count(*)::int AS n FROM elstream.task WHERE run_id = $1 AND state <> 'done' GROUP BY 1, 2`, [runId]);
    const wrong = await this.look(
      `SELECT s.table_id, s.rows_preloaded::text AS preloaded, sum(t.rows)::text AS read
         FROM elstream.table_state s JOIN elstream.task t ON t.run_id = s.run_id AND t.table_id = s.table_id AND t.kind = 'preload-chunk'
        WHERE s.run_id = $1 GROUP BY s.table_id, s.rows_preloaded HAVING s.rows_preloaded <> sum(t.rows)`,
      [runId],
    );
    if (open.length + wrong.length > 0) throw this.explain(new Error(`run ${runId} has ended, but ${JSON.stringify({ open, wrong })}`));
  }

  /** Reads the control tables; several looks at once wait for each other, since they share one connection. */
  async look<Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const answer = this.looking.then(() => this.warehouse.query<Row>(sql, params));
    this.looking = answer.catch(() => undefined);
    return answer;
  }

  /** Tasks the replica has claimed. */
  async held(replica: Replica): Promise<readonly HeldTask[]> {
    const tasks = await this.look<{ id: string; kind: string; attempt: number; worker: string }>(`SELECT id, kind, attempt, worker FROM elstream.task WHERE state = 'running'`);
    return tasks.filter((task) => replica.is(task.worker));
  }

  async tasks(state: string, kind = '%'): Promise<number> {
    const [row] = await this.look<{ n: number }>(
      `SELECT count(*)::int AS n FROM elstream.task t JOIN elstream.run r ON r.id = t.run_id WHERE r.state = 'running' AND t.state = $1 AND t.kind LIKE $2`,
      [state, kind],
    );
    return row?.n ?? 0;
  }

  /** Who leads among the gateways, or null. */
  async leader(): Promise<Replica | null> {
    const leases = await this.look<{ holder: string }>('SELECT holder FROM elstream.lease WHERE expires_at > clock_timestamp()');
    return this.fleet.of('gateway').find((gateway) => leases.some(({ holder }) => gateway.is(holder))) ?? null;
  }

  /** The source's server process that feeds the active streamer, or null while there is none. */
  async walsender(): Promise<number | null> {
    const [slot] = await this.source.query<{ active_pid: number | null }>('SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1', [slotOf(this.source)]);
    return slot?.active_pid ?? null;
  }

  private get awakeStreamers(): readonly Replica[] {
    return this.fleet.of('streamer').filter((s) => s.awake && s.address !== null);
  }

  /** The streamer that commits batches: the one whose own count of them grows. */
  async activeStreamer(): Promise<Replica> {
    return this.until('a streamer applying batches', async () => {
      const before = await Promise.all(this.awakeStreamers.map(async (replica) => ({ replica, batches: await metricOf(replica, BATCHES) })));
      await sleep(100);
      for (const { replica, batches } of before) if (replica.awake && (await metricOf(replica, BATCHES)) > batches) return replica;
      throw new Error('no streamer has committed a batch');
    });
  }

  async eventsApplied(): Promise<number> {
    const [row] = await this.look<{ n: string | null }>('SELECT sum(events_applied)::text AS n FROM elstream.checkpoint');
    return Number(row?.n ?? 0);
  }

  /** The stream applies what is written from now on. */
  async streamGoesOn(): Promise<void> {
    const before = await this.eventsApplied();
    this.hurry();
    await this.until('the stream applying events', async () => (await this.eventsApplied()) > before + 20);
  }

  /**
   * Nobody reads the stream, and nothing is applied although the writer goes on; returns the events applied by then. That
   * the slot is left says less: the batch in hand commits after it, and a streamer whose look at the control tables came
   * before the pause may take the slot up once more.
   */
  async streamStandsStill(): Promise<number> {
    const look = async (): Promise<number> => {
      const readers = await Promise.all(this.awakeStreamers.map((streamer) => metricOf(streamer, 'elstream_stream_active')));
      if ((await this.walsender()) !== null || readers.some((reads) => reads !== 0)) throw new Error(`the stream is read: ${readers.join(', ')}`);
      return this.eventsApplied();
    };
    return this.until(
      'the stream standing still',
      async () => {
        const [applied, written] = [await look(), this.writer?.transactions ?? 0];
        for (const since = performance.now(); performance.now() - since < STILL_MS; await sleep(50)) {
          const now = await look();
          if (now !== applied) throw new Error(`${String(now - applied)} events were applied`);
        }
        if (this.writer?.transactions === written) throw new Error('nothing was written meanwhile');
        return applied;
      },
      { timeoutMs: PAUSES_WITHIN_MS },
    );
  }

  pipeline(gateway: Replica): Promise<PipelineView> {
    return ask(gateway, 'GET', `/pipelines/${PIPELINE}`);
  }

  /** The writer stops; a last run compares, and copies into, what stands still; then everything is compared and counted. */
  async settle(): Promise<Booked & { readonly transactions: number }> {
    await this.writer?.stop();
    const transactions = this.writer?.transactions ?? 0;
    this.writer = null;
    const [active] = await this.look<{ id: string }>(`SELECT id FROM elstream.run WHERE state IN ('pending', 'running')`);
    if (active !== undefined) await this.runEnds(active.id);
    const last = await this.runEnds(await this.startRun());
    if (last.unverified > 0) throw this.explain(new Error(`unverified rows with nobody writing: ${JSON.stringify(last)}`));
    const end = await endOfLog(this.source);
    await this.until('the checkpoint passing everything written', () => hasCaughtUp(this.warehouse, end));
    await this.assertCopiedOnce(last);
    try {
      return { ...(await compareSides(this, PUBLICATION)), transactions };
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** With nobody writing, the chunks of a run read exactly the rows of the source. */
  private async assertCopiedOnce(run: RunDetail): Promise<void> {
    const read = run.progress.reduce((sum, table) => sum + table.preload.rows, 0);
    const [rows] = await this.source.query<{ n: number }>('SELECT (SELECT count(*) FROM account)::int + (SELECT count(*) FROM line)::int + (SELECT count(*) FROM "Small Table")::int AS n');
    if (read !== rows?.n) throw this.explain(new Error(`the last run read ${String(read)} rows of ${String(rows?.n)}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { fleet, redis, folder } = this.parts;
    await fleet[Symbol.asyncDispose]();
    await this.writer?.stop().catch(() => undefined);
    await redis.stop();
    await dropCountingSlot(this.source);
    await this.source.drop();
    await this.warehouse.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function slotOf(source: TestDatabase): string {
  return `${source.name}_slot`;
}

const BATCHES = 'elstream_batches_total';

/** Of the only pipeline; 0 where the process has not set it yet. */
async function metricOf(streamer: Replica, name: string): Promise<number> {
  const { body } = await streamer.get('/metrics');
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, 'm').exec(body)?.[1] ?? 0);
}

/** Small chunks: many tasks, so that faults meet them. */
function pipelineFile(source: TestDatabase): string {
  return `
name: ${PIPELINE}
source: { url: '\${SOURCE_URL}', transactionWaitMs: 20s }
warehouse: { url: '\${WAREHOUSE_URL}' }
tables: { include: ['public.*'] }
defaults: { chunkRows: 400 }
stream: { counterIntervalMs: 200, maxBatchEvents: 400, lingerMs: 10, publicationName: ${PUBLICATION}, slotName: ${slotOf(source)} }
validate: { maxRereads: 3 }
`;
}
