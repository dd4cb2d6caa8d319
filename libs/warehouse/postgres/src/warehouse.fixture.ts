import { randomUUID } from 'node:crypto';
import {
  DIRECT_PARTITION,
  LogPosition,
  silentLogger,
  StreamOffset,
  foldBatch,
  encodeRow,
  type Cell,
  type ChangeEvent,
  type Checkpoint,
  type ColumnType,
  type EventCell,
  type TableMapping,
} from '@elstream/core';
import { controlDataSourceOptions, controlEntities, createControlStore } from '@elstream/control-typeorm';
import type { ControlStore } from '@elstream/control';
import { connectPostgres, DEFAULT_TIMEOUTS, quoteName, type EntityDataSource } from '@elstream/database';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import type { BatchResult, BatchWrite, ChunkResult, ChunkWrite, TableUse, Warehouse } from '@elstream/warehouse';
import { createPostgresWarehouse } from './index';
import { tableHash } from './target';

export interface DeadLetterLine {
  readonly id: string;
  readonly table_id: string;
  readonly state: string;
  readonly origin: string;
  readonly op: string;
  readonly key: unknown;
  readonly old_key: unknown;
  readonly row: unknown;
  readonly bytes: string;
  readonly code: string;
  readonly reason: string;
  readonly position: string | null;
  readonly committed_at_us: string | null;
  readonly epoch: number;
  readonly settled_at: Date | null;
  readonly note: string | null;
}

/** A warehouse on a database of its own, with a pipeline whose tables are driven by hand. */
export class WarehouseFixture {
  static readonly pipeline = 'p';
  checkpoint!: Checkpoint;
  private offset = 0;

  private constructor(
    readonly db: TestDatabase,
    readonly dataSource: EntityDataSource,
    readonly store: ControlStore,
    readonly warehouse: Warehouse,
  ) {}

  static async create(): Promise<WarehouseFixture> {
    const db = await createTestDatabase('wh');
    const dataSource = await connectPostgres(
      { url: db.url, applicationName: 'test', maxConnections: 8, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger },
      [...controlEntities],
      controlDataSourceOptions,
    );
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    await store.registerPipeline(WarehouseFixture.pipeline);
    const warehouse = await createPostgresWarehouse({ dataSource, pipeline: WarehouseFixture.pipeline, logger: silentLogger });
    const fixture = new WarehouseFixture(db, dataSource, store, warehouse);
    fixture.checkpoint = await warehouse.createCheckpoint(WarehouseFixture.pipeline, DIRECT_PARTITION, offsetAt(0));
    return fixture;
  }

  async drop(): Promise<void> {
    await this.dataSource.destroy();
    await this.db.drop();
  }

  /** Creates the target and begins its preload in a running run; `epoch` is the run's. */
  async beginPreload(mapping: TableMapping): Promise<{ runId: string; epoch: number }> {
    await this.warehouse.prepareTables(WarehouseFixture.pipeline, [mapping]);
    for (const run of await this.store.readRuns({ pipeline: WarehouseFixture.pipeline, states: ['pending', 'running'], limit: 10 })) await this.store.endRun(run.id, 'cancelled', null);
    const run = await this.store.createRun({ pipeline: WarehouseFixture.pipeline, reason: 'manual', tables: [mapping.id] });
    await this.store.startRun(run.id);
    return { runId: run.id, epoch: await this.warehouse.beginPreload(WarehouseFixture.pipeline, mapping, run.id) };
  }

  async claimTask(runId: string, mapping: TableMapping, epoch: number, kind: 'preload-chunk' | 'finish-table' = 'preload-chunk'): Promise<NonNullable<Awaited<ReturnType<ControlStore['claim']>>>['claim']> {
    const run = await this.store.readRun(runId);
    if (run === null) throw new Error('no run');
    const existing = (await this.store.readTasks(runId, { kind, state: 'pending', limit: 1 }))[0];
    const task = existing ?? (await this.store.addTasks(runId, [{ kind, table: mapping.id, epoch, payload: {} }]))[0];
    if (task === undefined) throw new Error('no task');
    const claimed = await this.store.claim(task.id, 'test');
    if (claimed === null) throw new Error('not claimed');
    return claimed.claim;
  }

  async loadChunk(mapping: TableMapping, claim: Awaited<ReturnType<WarehouseFixture['claimTask']>>, rows: readonly (readonly Cell[])[], more: Partial<Pick<ChunkWrite, 'park' | 'added'>> = {}): Promise<ChunkResult> {
    return this.warehouse.loadChunk({ pipeline: WarehouseFixture.pipeline, mapping, claim, rows: bytesOf(rows), ...more });
  }

  async finish(mapping: TableMapping, runId: string, epoch: number): Promise<number> {
    const claim = await this.claimTask(runId, mapping, epoch, 'finish-table');
    const result = await this.warehouse.finishPreload(WarehouseFixture.pipeline, mapping, claim);
    if (result.outcome !== 'done') throw new Error(`finish: ${result.outcome}`);
    await this.warehouse.setLiveAt(WarehouseFixture.pipeline, mapping.id, epoch, LogPosition.fromBigInt(0n, 8));
    await this.warehouse.promoteLive(WarehouseFixture.pipeline, () => true);
    return result.rowsSwept;
  }

  /** Folds and applies events as one batch on the fixture's checkpoint, or on another. */
  async apply(mapping: TableMapping, events: readonly ChangeEvent[], reread: BatchWrite['reread'] = new Map(), more: Partial<Pick<BatchWrite, 'parked' | 'parkLimit' | 'trial' | 'checkpoint'>> = {}): Promise<BatchResult> {
    const checkpoint = more.checkpoint ?? this.checkpoint;
    const fold = foldBatch(events, new Map([[mapping.id, mapping]]), checkpoint.highest);
    this.offset += 1;
    const result = await this.warehouse.applyBatch({
      checkpoint,
      next: offsetAt(this.offset),
      highest: fold.highest,
      tables: fold.tables.map((t) => ({ mapping, fold: t })),
      events: fold.events,
      committedAtUs: 1n,
      counter: fold.counter,
      reread,
      parked: [],
      parkLimit: 1_000,
      reloads: fold.reloads,
      trial: false,
      ...more,
    });
    if (result.outcome === 'applied' && more.checkpoint === undefined) this.checkpoint = result.checkpoint;
    return result;
  }

  /** Rows in the table's marker table. */
  async markers(mapping: TableMapping): Promise<number> {
    const [found] = await this.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM elstream.${quoteName(`marker_${tableHash(WarehouseFixture.pipeline, mapping.id)}`)}`);
    return found?.n ?? 0;
  }

  /** Registers a run that repairs the table, and its use of markers. */
  async openUse(mapping: TableMapping, lane: 'repair' | 'validate' = 'repair'): Promise<TableUse> {
    const runId = randomUUID();
    await this.db.query(`INSERT INTO elstream.run (id, pipeline, reason, stages, tables, state, lane) VALUES ($1, $2, 'manual', '["repair"]', $3, 'running', $4)`, [runId, WarehouseFixture.pipeline, JSON.stringify([mapping.id]), lane]);
    const use = { pipeline: WarehouseFixture.pipeline, mapping, runId };
    await this.warehouse.openUse(use);
    return use;
  }

  /** Dead letters, oldest first. */
  async deadLetters(): Promise<DeadLetterLine[]> {
    return this.db.query<DeadLetterLine>(`SELECT id, table_id, state, origin, op, key, old_key, "row", convert_from(bytes, 'UTF8') AS bytes, code, reason, position, committed_at_us::text AS committed_at_us, epoch, settled_at, note FROM elstream.dead_letter ORDER BY seq`);
  }

  async rows(mapping: TableMapping): Promise<(Cell[] | undefined)[]> {
    const keys = await this.warehouse.readKeys(mapping, { from: null, to: null });
    return (await this.warehouse.readByKeys(mapping, keys)).map((r) => r.row).sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  }
}

export function offsetAt(n: number): StreamOffset {
  return StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
}

export async function* bytesOf(rows: readonly (readonly Cell[])[]): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  if (rows.length > 0) yield Buffer.from(rows.map((r) => encodeRow(r)).join(''), 'utf8');
}

/** A mapping of a table `name` with columns `[name, warehouse type, kind]`; the first `keys` are the key. */
export function mappingOf(name: string, columns: readonly (readonly [string, string, ColumnType?])[], keys = 1): TableMapping {
  return {
    id: `public.${name}`,
    source: { schema: 'public', name },
    target: { schema: 'target', name },
    columns: columns.map(([column, type, kind]) => ({ source: column, target: column, type: kind ?? { kind: 'other' }, targetType: `pg_catalog.${type}`, nullable: true, mask: null })),
    key: columns.slice(0, keys).map((_, i) => i),
    chunkRows: 1000,
  };
}

const tx = (position: number) => ({ position: LogPosition.fromBigInt(BigInt(position), 8), committedAtUs: BigInt(position) });

/** Events of a table, at a commit position. */
export const event = {
  insert: (m: TableMapping, position: number, row: readonly EventCell[]): ChangeEvent => ({ op: 'insert', table: m.id, tx: tx(position), row }),
  update: (m: TableMapping, position: number, row: readonly EventCell[], oldKey: readonly string[] | null = null): ChangeEvent => ({ op: 'update', table: m.id, tx: tx(position), row, oldKey }),
  delete: (m: TableMapping, position: number, ...key: string[]): ChangeEvent => ({ op: 'delete', table: m.id, tx: tx(position), key }),
  truncate: (m: TableMapping, position: number): ChangeEvent => ({ op: 'truncate', table: m.id, tx: tx(position) }),
};
