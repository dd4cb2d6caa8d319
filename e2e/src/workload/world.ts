import { DIRECT_PARTITION, encodeRow, foldBatch, silentLogger, StreamOffset, type Cell, type TableMapping } from '@elstream/core';
import type { ControlStore } from '@elstream/control';
import { controlDataSourceOptions, controlEntities, createControlStore } from '@elstream/control-typeorm';
import { connectPostgres, DEFAULT_TIMEOUTS, onDatabase, type EntityDataSource } from '@elstream/database';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import type { Warehouse } from '@elstream/warehouse';
import { createPostgresWarehouse } from '@elstream/warehouse-postgres';
import { Actor } from './actor';
import { SimSource, type SimOp } from './sim-source';

const PIPELINE = 'workload';
export const KEYS = 6;

export const mapping: TableMapping = {
  id: 'public.items',
  source: { schema: 'public', name: 'items' },
  target: { schema: 'public', name: 'items' },
  columns: [
    { source: 'id', target: 'id', type: { kind: 'integer', bits: 64 }, targetType: 'pg_catalog.int8', nullable: false, mask: null },
    { source: 'v', target: 'v', type: { kind: 'text', maxLength: null, padded: false }, targetType: 'pg_catalog.text', nullable: true, mask: null },
    { source: 'y', target: 'y', type: { kind: 'text', maxLength: null, padded: false }, targetType: 'pg_catalog.text', nullable: true, mask: null },
  ],
  key: [0],
  chunkRows: 100,
};

/** Half-open key ranges that cover everything. */
const CHUNKS = [[-1, 2], [2, 4], [4, 1000]] as const;

export type Command =
  | { readonly do: 'commit'; readonly ops: readonly SimOp[]; readonly hidden: boolean }
  | { readonly do: 'reveal' }
  | { readonly do: 'emit'; readonly count: number }
  | { readonly do: 'restart-capture'; readonly back: number }
  | { readonly do: 'stream'; readonly who: number }
  | { readonly do: 'preload' }
  | { readonly do: 'chunk'; readonly who: number }
  /** Somebody takes the chunk workers in hand for dead: their tasks can be claimed again. */
  | { readonly do: 'stall' }
  /** Others do everything there is to do, while the stopped ones hold what they read. */
  | { readonly do: 'overtake' }
  | { readonly do: 'preload-again' };

/** A real warehouse on a real PostgreSQL, shared by all worlds of a suite. */
export class Stage {
  private constructor(
    private readonly db: TestDatabase,
    private readonly dataSource: EntityDataSource,
    readonly store: ControlStore,
    readonly warehouse: Warehouse,
  ) {}

  static async open(): Promise<Stage> {
    const db = await createTestDatabase('workload');
    const dataSource = await connectPostgres(
      // every overtaker may wait for a lock that a stopped actor holds, each on a connection of its own
      { url: db.url, applicationName: 'workload', maxConnections: 60, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger },
      [...controlEntities],
      controlDataSourceOptions,
    );
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    const warehouse = await createPostgresWarehouse({ dataSource, pipeline: PIPELINE, logger: silentLogger });
    await store.registerPipeline(PIPELINE);
    await warehouse.prepareTables(PIPELINE, [mapping]);
    return new Stage(db, dataSource, store, warehouse);
  }

  /** Back to before the first preload. */
  async reset(): Promise<void> {
    await onDatabase(this.dataSource, async (sql) => {
      const markers = await sql.query<{ t: string }>(`SELECT format('elstream.%I', tablename) AS t FROM pg_tables WHERE schemaname = 'elstream' AND tablename LIKE 'marker%'`);
      await sql.query(`DELETE FROM public.items; DELETE FROM elstream.task; DELETE FROM elstream.run_event; DELETE FROM elstream.run; DELETE FROM elstream.checkpoint;
        UPDATE elstream.table_state SET epoch = 0, phase = 'new', run_id = NULL, truncate_epoch = NULL, truncate_position = NULL, live_at = NULL, reread_until = NULL; ${markers.map((m) => `DELETE FROM ${m.t}`).join(';')}`);
    });
    await this.warehouse.createCheckpoint(PIPELINE, DIRECT_PARTITION, StreamOffset.kafka(0n));
  }

  async eventsApplied(): Promise<number> {
    const [row] = await onDatabase(this.dataSource, (sql) => sql.query<{ n: string }>('SELECT sum(events_applied)::text AS n FROM elstream.checkpoint'));
    return Number(row?.n);
  }

  async rows(): Promise<Cell[][]> {
    const keys = await this.warehouse.readKeys(mapping, { from: null, to: null });
    const rows = (await this.warehouse.readByKeys(mapping, keys)).map((r) => r.row);
    return rows.sort((a, b) => Number(a[0]) - Number(b[0]));
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await this.db.drop();
  }
}

/** One random history: a simulated source, real streamers and chunk workers on concurrent connections. */
export class World {
  readonly source: SimSource;
  private readonly streamers: Actor[];
  private readonly workers: Actor[];
  private readonly conductor: Actor;
  private run: { id: string; epoch: number; opened: boolean } | null = null;
  private readonly overtakers: Actor[] = [];
  private conducting = false;
  private wanted = 1;
  private finished = 0;

  constructor(
    private readonly stage: Stage,
    initial: readonly number[],
  ) {
    this.source = new SimSource(mapping, initial);
    this.streamers = [0, 1].map(
      (n) =>
        new Actor(async () => {
          await this.streamOnce(n * 3 + 1);
        }),
    );
    this.workers = [0, 1, 2].map(() => new Actor(async () => this.workOneChunk()));
    this.conductor = new Actor(async () => this.preloadOnce());
  }

  async perform(command: Command): Promise<void> {
    switch (command.do) {
      case 'commit':
        this.source.commit(command.ops, command.hidden);
        return;
      case 'reveal':
        this.source.reveal([...this.source.hidden.keys()][0]);
        return;
      case 'emit':
        this.source.emit(command.count);
        return;
      case 'restart-capture':
        this.source.restartCapture(command.back);
        return;
      case 'stream':
        await this.streamers[command.who % this.streamers.length]?.step();
        return;
      case 'preload':
        await this.conductor.step();
        return;
      case 'chunk':
        await this.workers[command.who % this.workers.length]?.step();
        return;
      case 'stall':
        await this.stage.store.releaseAbandoned({ olderThanMs: 0 });
        return;
      case 'overtake':
        await this.overtake();
        return;
      case 'preload-again':
        this.wanted += 1;
        return;
    }
    command satisfies never;
  }

  /** Everything started runs to its end, then whatever is still to be done is done, then `epilogue` happens at the source and is streamed. */
  async settle(epilogue: readonly SimOp[]): Promise<void> {
    this.revealAll();
    await Promise.all(this.actors().map((actor) => actor.finish()));
    await this.stage.store.releaseAbandoned({ olderThanMs: 0 });
    await this.drain();
    this.source.commit(epilogue, false);
    await this.drain();
    for (const actor of this.actors()) if (actor.failure !== null) throw actor.failure;
  }

  /** Events that count: those not strictly below an earlier one, told without the product's help. */
  expectedEvents(): number {
    let highest = 0n;
    let count = 0;
    for (const { tx } of this.source.partition) {
      if (tx.position.toBigInt() < highest) continue;
      highest = tx.position.toBigInt();
      count += 1;
    }
    return count;
  }

  private actors(): Actor[] {
    return [...this.streamers, ...this.workers, this.conductor, ...this.overtakers];
  }

  private revealAll(): void {
    for (const number of [...this.source.hidden.keys()]) this.source.reveal(number);
  }

  private async drain(): Promise<void> {
    for (let turn = 0; turn < 200; turn += 1) {
      this.source.emit(1000);
      await this.preloadOnce();
      for (let chunk = 0; chunk < CHUNKS.length; chunk += 1) await this.workOneChunk();
      if (await this.streamOnce(1000)) continue;
      if (this.run === null && this.finished > 0 && this.source.drained) return;
    }
    throw new Error('the world does not settle');
  }

  private async overtake(): Promise<void> {
    this.revealAll();
    await this.stage.store.releaseAbandoned({ olderThanMs: 0 });
    const overtaker = new Actor(async () => {
      this.source.emit(1000);
      await this.streamOnce(1000);
      for (let chunk = 0; chunk < CHUNKS.length; chunk += 1) await this.workOneChunk();
      await this.preloadOnce();
      await this.streamOnce(1000);
    }, 60);
    this.overtakers.push(overtaker);
    await overtaker.runFreely();
  }

  /** Takes one batch of the partition and applies it; true if there was something to do. */
  private async streamOnce(size: number): Promise<boolean> {
    const { warehouse } = this.stage;
    const checkpoint = await warehouse.readCheckpoint(PIPELINE, DIRECT_PARTITION);
    if (checkpoint === null) return false;
    const from = Number.parseInt(checkpoint.next.hex, 16);
    const events = this.source.partition.slice(from, from + size);
    if (events.length === 0) return false;
    await gateHere();
    const fold = foldBatch(events, new Map([[mapping.id, mapping]]), checkpoint.highest);
    let reread: Parameters<Warehouse['applyBatch']>[0]['reread'] = new Map();
    for (;;) {
      const result = await warehouse.applyBatch({
        checkpoint,
        next: StreamOffset.kafka(BigInt(from + events.length)),
        highest: fold.highest,
        tables: fold.tables.map((t) => ({ mapping, fold: t })),
        events: fold.events,
        committedAtUs: null,
        counter: null,
        reread,
        parked: [],
        parkLimit: 1_000,
        reloads: new Map(),
        trial: false,
      });
      if (result.outcome === 'applied') {
        const { next } = result.checkpoint;
        await warehouse.promoteLive(PIPELINE, (liveAt) => this.source.hasPassed(Number.parseInt(next.hex, 16), liveAt));
      }
      if (result.outcome !== 'reread') return true;
      const keys = result.keys.get(mapping.id) ?? [];
      await this.waitForHidden();
      const rows = this.source.readByKeys(keys);
      reread = new Map([[mapping.id, { rows, absent: keys.filter((key) => !rows.some((row) => row[0] === key[0])), readUntil: this.source.endOfLog }]]);
    }
  }

  /** R4 (2): the transactions not visible now; waits until all of them are. */
  private async waitForHidden(): Promise<void> {
    const listed = [...this.source.hidden.keys()];
    await gateHere();
    while (listed.some((number) => this.source.hidden.has(number))) {
      await gateHere();
      await new Promise((resolve) => setImmediate(resolve)); // an actor without gates must not starve the others
    }
  }

  /** There is one planner (its decisions are held by the control store's own suites). */
  private async preloadOnce(): Promise<void> {
    if (this.conducting) return;
    this.conducting = true;
    try {
      await this.conduct();
    } finally {
      this.conducting = false;
    }
  }

  /** One whole preload, gate by gate; begins another one if the run was overtaken. */
  private async conduct(): Promise<void> {
    const { store, warehouse } = this.stage;
    if (this.run === null || this.wanted > 1) {
      if (this.run !== null) this.wanted -= 1;
      if (this.run === null && this.finished >= this.wanted) return;
      if (this.run !== null) await store.endRun(this.run.id, 'cancelled', null);
      const run = await store.createRun({ pipeline: PIPELINE, reason: 'manual', tables: [mapping.id] });
      await store.startRun(run.id);
      this.run = { id: run.id, epoch: await warehouse.beginPreload(PIPELINE, mapping, run.id), opened: false };
      await gateHere();
    }
    const run = this.run;
    if (!run.opened) {
      await this.waitForHidden();
      await store.addTasks(run.id, CHUNKS.map(([from, to]) => ({ kind: 'preload-chunk', table: mapping.id, epoch: run.epoch, payload: { from, to } })));
      run.opened = true;
      await gateHere();
    }
    const chunks = await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 });
    if (chunks.some((task) => task.state !== 'done')) return;
    await store.addTasks(run.id, [{ kind: 'finish-table', table: mapping.id, epoch: run.epoch, payload: {} }]);
    const [task] = await store.readTasks(run.id, { kind: 'finish-table', state: 'pending', limit: 1 });
    const claimed = task === undefined ? null : await store.claim(task.id, 'conductor');
    if (claimed === null) return;
    await gateHere();
    const { outcome } = await warehouse.finishPreload(PIPELINE, mapping, claimed.claim);
    if (outcome === 'lost') return;
    await warehouse.setLiveAt(PIPELINE, mapping.id, run.epoch, this.source.endOfLog);
    await store.complete(claimed.claim, {});
    await store.endRun(run.id, 'succeeded', null);
    this.run = null;
    this.finished += 1;
  }

  /** Claims a pending chunk, reads it, and writes it later: perhaps when another worker has long done it. */
  private async workOneChunk(): Promise<void> {
    const { store, warehouse } = this.stage;
    const run = this.run;
    if (run?.opened !== true) return;
    const [task] = await store.readTasks(run.id, { kind: 'preload-chunk', state: 'pending', limit: 1 });
    const claimed = task === undefined ? null : await store.claim(task.id, 'worker');
    if (claimed === null) return;
    const { from, to } = claimed.task.payload as { from: number; to: number };
    const rows = this.source.read(from, to);
    await gateHere();
    await warehouse.loadChunk({ pipeline: PIPELINE, mapping, claim: claimed.claim, rows: bytesOf(rows) });
  }
}

async function* bytesOf(rows: readonly Cell[][]): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  if (rows.length > 0) yield Buffer.from(rows.map((r) => encodeRow(r)).join(''), 'utf8');
}

async function gateHere(): Promise<void> {
  await Actor.gateOfCurrent();
}
