import { type ControlBus, type ControlMessage, type ControlStore, laneOf, type Run, RUN_STAGES } from '@elstream/control';
import { createControlStore } from '@elstream/control-typeorm';
import { ElstreamError, type TableMapping } from '@elstream/core';
import { DEFAULT_TIMEOUTS } from '@elstream/database';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import { type PipelineHandle, type PipelineOverview, type PipelineRegistry, type TableOverview } from '@elstream/replication';
import { type CapturingLogger, capturingLogger, createTestDatabase } from '@elstream/testing';
import { createHttpApp, type GatewayApp, type HttpSettings } from './app';
import { GatewayModule } from './gateway.module';
import { connectorsOf } from './runtime-connectors';
import { type GatewayServices, type Healing } from './services';

export const LOOPBACK: HttpSettings = { host: '127.0.0.1', port: 0, token: null };

export interface TestGateway extends AsyncDisposable {
  readonly app: GatewayApp;
  readonly services: GatewayServices;
  readonly logger: CapturingLogger;
  /** Everything published on the bus. */
  readonly published: readonly ControlMessage[];
  /** Names given to `registry.remove`. */
  readonly removed: readonly string[];
  /** Phases that tables are in; not in it: live. */
  readonly phases: Map<string, TableOverview['phase']>;
  /** What `healing` was asked for. */
  readonly asked: readonly Readonly<Record<string, unknown>>[];
  /** SQL on the control tables, for what only a warehouse writes. */
  query(sql: string, values?: readonly unknown[]): Promise<unknown>;
  /** As if just started: the pipeline `shop`, no runs. */
  reset(): Promise<void>;
}

/** The real application over a real control store; databases of pipelines are stood in for where a test needs no rows. */
export async function startGateway(settings: Partial<HttpSettings> = {}, override: Partial<GatewayServices> = {}): Promise<TestGateway> {
  const db = await createTestDatabase('gateway');
  const logger = capturingLogger();
  const connection = { url: db.url, applicationName: 'gateway-test', maxConnections: 4, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 10_000, logger };
  const store = await createControlStore({ connection, logger });
  await store.migrate();
  await store.registerPipeline('shop');
  const { bus, published } = recordingBus();
  const removed: string[] = [];
  const phases: TestGateway['phases'] = new Map();
  const asked: Readonly<Record<string, unknown>>[] = [];
  const registry = registryOf(store, removed, phases);
  const services: GatewayServices = {
    registry,
    store,
    healing: healingOf(store, asked),
    connectors: connectorsOf(registry),
    bus,
    overview: overviewOf(store),
    logger,
    metrics: createMetrics(),
    health: new HealthRegistry(),
    planner: null,
    checkPipeline: () => Promise.reject(new Error('not part of this test')),
    ...override,
  };
  const app = await createHttpApp([GatewayModule.forServices(services, { pollMs: 20, heartbeatMs: 60 })], { ...LOOPBACK, ...settings }, services);
  return {
    app,
    services,
    logger,
    published,
    removed,
    phases,
    asked,
    query: (sql, values) => db.query(sql, values),
    reset: async () => {
      phases.clear();
      asked.length = 0;
      published.length = 0;
      removed.length = 0;
      await store.removePipeline('shop');
      await store.registerPipeline('shop');
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await store.close();
      await db.drop();
    },
  };
}

export function table(id: string): TableMapping {
  const column = { source: 'id', target: 'id', type: { kind: 'integer', bytes: 8 }, targetType: 'bigint', nullable: false, mask: null };
  const name = { schema: 'public', name: id.replace(/^public\./, '') };
  return { id, source: name, target: name, columns: [column as unknown as TableMapping['columns'][number]], key: [0], chunkRows: 1_000 };
}

function registryOf(store: ControlStore, removed: string[], phases: TestGateway['phases']): PipelineRegistry {
  const unused = (what: string) => () => Promise.reject(new ElstreamError('SOURCE_UNREACHABLE', 'retry', `no ${what} in this test`));
  const handle = {
    name: 'shop',
    settings: {
      name: 'shop',
      selection: { include: ['public.*'], exclude: [], keys: new Map(), excludedColumns: new Map() },
      compareRows: 1_000,
      transactionWaitMs: 1_000,
      validationWaitMs: 1_000,
      counterIntervalMs: 1_000,
      walLimitBytes: 1_000_000,
      walPolicy: 'drop',
    },
    warehouse: {
      countRows: () => Promise.resolve(7),
      readTableStates: async () => (await store.readMappings('shop')).map(({ id }) => ({ table: id, phase: phases.get(id) ?? 'live' })),
    },
    source: unused('source'),
    stream: unused('stream'),
    mappings: async () => new Map((await store.readMappings('shop')).map((mapping) => [mapping.id, mapping])),
  } as unknown as PipelineHandle;
  const gone = () => removed.includes('shop');
  const has = (name: string): boolean => name === 'shop' && !gone();
  return {
    names: () => (gone() ? [] : ['shop']),
    has,
    get: (name) => {
      if (has(name)) return handle;
      throw new ElstreamError('PIPELINE_UNKNOWN', 'refuse', `there is no pipeline '${name}'`, { place: { pipeline: name } });
    },
    hold: () => ({ pipeline: handle, release: () => undefined }),
    onChange: () => () => undefined,
    remove: async (name) => {
      await store.removePipeline(name);
      removed.push(name);
    },
  };
}

/** Notes what it is asked for and starts runs without tasks. */
function healingOf(store: ControlStore, asked: Readonly<Record<string, unknown>>[]): Healing {
  const start = (reason: Run['reason'], stages: Run['stages'], what: object): Promise<Run> => {
    asked.push({ reason, ...what });
    return store.createRun({ pipeline: 'shop', reason, tables: [], stages });
  };
  return {
    repair: async (_pipeline, wanted) => ({ run: await start('repair', ['repair'], wanted), keys: 3, leftOut: 1 }),
    replay: async (filter) => ({ run: await start('replay', ['repair'], filter), keys: 1, leftOut: 0 }),
    discard: (filter, reason) => store.discardDeadLetters(filter, reason),
    acceptSchemaChange: async ({ id }) => {
      await store.decideSchemaChange(id, 'accepted');
      return start('schema-change', RUN_STAGES, { id });
    },
    declineSchemaChange: async ({ id }) => void (await store.decideSchemaChange(id, 'declined')),
    reset: (_pipeline, options) => start('reset', RUN_STAGES, options),
  };
}

function overviewOf(store: ControlStore): GatewayServices['overview'] {
  return {
    pipeline: async (name): Promise<PipelineOverview> => {
      const record = await store.readPipeline(name);
      const [active] = await store.readRuns({ pipeline: name, states: ['pending', 'running'], limit: 1 });
      const shown = { lagMs: 12, eventsApplied: 3, retainedBytes: 250_000, eventsBehind: 7n, captureTrouble: null, position: '00', tables: [] };
      const { paused = false, streamError = null, gapReason = null } = record ?? {};
      return { name, paused, streamError, gapReason, ...shown, activeRunId: active?.id ?? null, activeRuns: active === undefined ? [] : [{ id: active.id, lane: laneOf(active.stages) }] };
    },
    run: async (runId) => {
      const stage = { done: 1, total: 4, rows: 1_000 };
      const report = { rowsCompared: 0, confirmedEqual: 0, differences: 0, unverified: 0, ranges: 0, bytesMoved: 0, durationMs: 0, position: null };
      const progress = { table: 'public.orders', phase: 'preloading' as const, estimatedRows: 4_000, preload: stage, validate: { ...stage, done: 0 }, history: stage, repair: { ...stage, repaired: 1, deleted: 0, unchanged: 0, moved: 0, failed: 0 }, derivedHistory: { historyVersions: 5, historyHoles: 1, historyApproximate: 0 }, ...report };
      return Promise.resolve({ runId, tables: [progress], ...report });
    },
    differences: () => Promise.resolve([{ table: 'public.orders', key: 'id=5', cells: ['5'], of: 'row', kind: 'unequal', columns: ['total'] }]),
  };
}

/** A bus within this process that remembers what was said. */
function recordingBus(): { readonly bus: ControlBus; readonly published: ControlMessage[] } {
  const published: ControlMessage[] = [];
  const listeners = new Set<(message: ControlMessage) => void>();
  const bus: ControlBus = {
    publish: (message) => {
      published.push(message);
      for (const listener of listeners) listener(message);
      return Promise.resolve();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => Promise.resolve(),
  };
  return { bus, published };
}
