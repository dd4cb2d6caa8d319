import { randomUUID } from 'node:crypto';
import { DIRECT_PARTITION, encodeRow, foldBatch, LogPosition, StreamOffset, type Cell, type ChangeEvent, type Checkpoint, type ColumnType, type EventCell, type Product, type TableMapping, type TaskClaim } from '@elstream/core';
import type { ControlStore } from '@elstream/control';
import type { BatchResult, BatchWrite, ChunkResult, ChunkWrite, TableUse, Warehouse } from '@elstream/warehouse';

export const PIPELINE = 'p';

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

/** Somebody who is stopped shortly before the commit, or where nothing but the commit is missing. */
export interface Held {
  /** Resolves once somebody is stopped there. */
  holds(): Promise<void>;
  /** Others that wait for a lock meanwhile. */
  waiting(): Promise<number>;
  release(): Promise<void>;
}

/** A database of a test with control tables and a warehouse, of either product. */
export interface TestWarehouse {
  readonly product: Product;
  readonly store: ControlStore;
  readonly warehouse: Warehouse;
  /** Statements that both products take. */
  query<R extends object = Record<string, unknown>>(sql: string): Promise<R[]>;
  /** Oldest first. */
  deadLetters(): Promise<DeadLetterLine[]>;
  /** Quoted name of the table's marker table. */
  markerTable(mapping: TableMapping): string;
  /** Stops the first batch, or chunk, that comes to its end. */
  hold(at: 'batch' | 'chunk'): Promise<Held>;
  /** Tables, of which at least one batch or merge waits for exclusion. */
  waitingForExclusion(): Promise<number>;
  close(): Promise<void>;
}

/** What a server may lack, beside what no write can be without: by these names its tests are skipped. */
export type Need = 'alter-column-null' | 'alter-function' | 'binary-styles' | 'bracket-escapes' | 'error-208' | 'expression-dependencies' | 'hundred-nanoseconds' | 'index-names' | 'nul-characters' | 'openjson-escapes' | 'update-locks';

/** What the suites have to know of a product. */
export interface WarehouseProduct {
  readonly product: Product;
  create(): Promise<TestWarehouse>;
  /** Tests, and a test, that run only where the server has it all. */
  describeWith(needs: Need | readonly Need[], name: string, body: () => void): void;
  itWith(needs: Need | readonly Need[], name: string, body: () => Promise<void>): void;
  /** The product's spelling of a type in PostgreSQL's: `int8`, `int2`, `text`, `varchar(10)`. */
  type(name: string): string;
  /** Bytes as a literal. */
  bytes(value: Uint8Array): string;
  /** Waits until it is true. */
  until(condition: () => boolean | Promise<boolean>): Promise<unknown>;
  /** Codes of errors, by what is wrong. */
  readonly codes: Readonly<Record<'tooLong' | 'outOfRange' | 'notOfType' | 'check' | 'noTable' | 'keyTooLong', string>>;
}

/** A warehouse on a database of its own, with a pipeline whose tables are driven by hand. */
export class WarehouseFixture {
  checkpoint!: Checkpoint;
  private offset = 0;

  protected constructor(readonly test: TestWarehouse) {}

  static async of(product: WarehouseProduct): Promise<WarehouseFixture> {
    const fixture = new WarehouseFixture(await product.create());
    await fixture.begin();
    return fixture;
  }

  protected async begin(): Promise<void> {
    await this.store.registerPipeline(PIPELINE);
    this.checkpoint = await this.warehouse.createCheckpoint(PIPELINE, DIRECT_PARTITION, offsetAt(0));
  }

  get store(): ControlStore {
    return this.test.store;
  }

  get warehouse(): Warehouse {
    return this.test.warehouse;
  }

  async drop(): Promise<void> {
    await this.test.close();
  }

  /** Creates the target and begins its preload in a running run; `epoch` is the run's. */
  async beginPreload(mapping: TableMapping): Promise<{ runId: string; epoch: number }> {
    await this.warehouse.prepareTables(PIPELINE, [mapping]);
    for (const run of await this.store.readRuns({ pipeline: PIPELINE, states: ['pending', 'running'], limit: 10 })) await this.store.endRun(run.id, 'cancelled', null);
    const run = await this.store.createRun({ pipeline: PIPELINE, reason: 'manual', tables: [mapping.id] });
    await this.store.startRun(run.id);
    return { runId: run.id, epoch: await this.warehouse.beginPreload(PIPELINE, mapping, run.id) };
  }

  async claimTask(runId: string, mapping: TableMapping, epoch: number, kind: 'preload-chunk' | 'finish-table' = 'preload-chunk'): Promise<TaskClaim> {
    const run = await this.store.readRun(runId);
    if (run === null) throw new Error('no run');
    const existing = (await this.store.readTasks(runId, { kind, state: 'pending', limit: 1 }))[0];
    const task = existing ?? (await this.store.addTasks(runId, [{ kind, table: mapping.id, epoch, payload: {} }]))[0];
    if (task === undefined) throw new Error('no task');
    const claimed = await this.store.claim(task.id, 'test');
    if (claimed === null) throw new Error('not claimed');
    return claimed.claim;
  }

  async loadChunk(mapping: TableMapping, claim: TaskClaim, rows: readonly (readonly Cell[])[], more: Partial<Pick<ChunkWrite, 'park' | 'added'>> = {}): Promise<ChunkResult> {
    return this.warehouse.loadChunk({ pipeline: PIPELINE, mapping, claim, rows: bytesOf(rows), ...more });
  }

  async finish(mapping: TableMapping, runId: string, epoch: number): Promise<number> {
    const claim = await this.claimTask(runId, mapping, epoch, 'finish-table');
    const result = await this.warehouse.finishPreload(PIPELINE, mapping, claim);
    if (result.outcome !== 'done') throw new Error(`finish: ${result.outcome}`);
    await this.warehouse.setLiveAt(PIPELINE, mapping.id, epoch, LogPosition.fromBigInt(0n, 8));
    await this.warehouse.promoteLive(PIPELINE, () => true);
    return result.rowsSwept;
  }

  /** Folds and applies events as one batch on the fixture's checkpoint, or on another. */
  async apply(mapping: TableMapping, events: readonly ChangeEvent[], reread: BatchWrite['reread'] = new Map(), more: Partial<Pick<BatchWrite, 'parked' | 'parkLimit' | 'trial' | 'checkpoint' | 'committedAtUs'>> = {}): Promise<BatchResult> {
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
    const [found] = await this.test.query<{ n: number | string }>(`SELECT count(*) AS n FROM ${this.test.markerTable(mapping)}`);
    return Number(found?.n ?? 0);
  }

  /** Registers a run that repairs the table, and its use of markers. */
  async openUse(mapping: TableMapping, lane: 'repair' | 'validate' = 'repair'): Promise<TableUse> {
    const runId = randomUUID();
    const tables = JSON.stringify([mapping.id]).replaceAll("'", "''");
    await this.test.query(`INSERT INTO elstream.run (id, pipeline, reason, stages, tables, state, lane) VALUES ('${runId}', '${PIPELINE}', 'manual', '["repair"]', '${tables}', 'running', '${lane}')`);
    const use = { pipeline: PIPELINE, mapping, runId };
    await this.warehouse.openUse(use);
    return use;
  }

  /** Dead letters, oldest first. */
  async deadLetters(): Promise<DeadLetterLine[]> {
    return this.test.deadLetters();
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

export type ColumnLine = readonly [name: string, type: string, kind?: ColumnType];

/** A mapping of a table `name` with columns `[name, warehouse type, kind]`; the first `keys` are the key. */
export function mappingOf(product: Pick<WarehouseProduct, 'type'>, name: string, columns: readonly ColumnLine[], keys = 1): TableMapping {
  return {
    id: `public.${name}`,
    source: { schema: 'public', name },
    target: { schema: 'target', name },
    columns: columns.map(([column, type, kind]) => ({ source: column, target: column, type: kind ?? { kind: 'other' }, targetType: product.type(type), nullable: true, mask: null })),
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
