import { setFailpointHandler, silentLogger, type FailpointName } from '@elstream/core';
import { controlDataSourceOptions, controlEntities, createControlStore } from '@elstream/control-typeorm';
import { connectPostgres, DEFAULT_TIMEOUTS, quoteName, type EntityDataSource } from '@elstream/database';
import { createTestDatabase, eventually, type TestDatabase } from '@elstream/testing';
import { PIPELINE, type DeadLetterLine, type Held, type TestWarehouse, type WarehouseProduct } from '@elstream/warehouse-contract';
import { createPostgresWarehouse } from './index';
import { tableHash } from './target';

export interface PostgresTestWarehouse extends TestWarehouse {
  readonly db: TestDatabase;
  readonly dataSource: EntityDataSource;
}

const AT: Readonly<Record<'batch' | 'chunk', FailpointName>> = { batch: 'batch:before-commit', chunk: 'chunk:before-commit' };

/** What the contract suites have to know of PostgreSQL. */
export const postgres = {
  product: 'postgres',
  create: createTestWarehouse,
  describeWith: (_needs, name, body) => describe(name, body),
  itWith: (_needs, name, body) => it(name, body),
  type: (name) => `pg_catalog.${name}`,
  bytes: (value) => `'\\x${Buffer.from(value).toString('hex')}'`,
  until: (condition) => eventually(condition),
  codes: { tooLong: 'DB_22001', outOfRange: 'DB_22003', notOfType: 'DB_22P02', check: 'DB_23514', noTable: 'DB_42P01', keyTooLong: 'DB_VALUE_TOO_LARGE' },
} as const satisfies WarehouseProduct;

const connected = ({ url }: TestDatabase): Promise<EntityDataSource> =>
  connectPostgres({ url, applicationName: 'test', maxConnections: 8, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger }, [...controlEntities], controlDataSourceOptions);

/** With the control tables, made once per file: to make them takes as long as most tests. */
let template: Promise<TestDatabase> | undefined;

async function migrated(): Promise<TestDatabase> {
  const db = await createTestDatabase('wh_template');
  const dataSource = await connected(db);
  await (await createControlStore({ dataSource, logger: silentLogger })).migrate();
  await dataSource.destroy();
  return db;
}

afterAll(async () => {
  await (await template)?.drop();
});

async function createTestWarehouse(): Promise<PostgresTestWarehouse> {
  template ??= migrated();
  const db = await createTestDatabase('wh', undefined, (await template).name);
  const dataSource = await connected(db);
  const store = await createControlStore({ dataSource, logger: silentLogger });
  const warehouse = await createPostgresWarehouse({ dataSource, pipeline: PIPELINE, logger: silentLogger });
  const count = async (sql: string): Promise<number> => (await db.query<{ n: number }>(sql))[0]?.n ?? 0;
  return {
    product: 'postgres',
    db,
    dataSource,
    store,
    warehouse,
    query: (sql) => db.query(sql),
    deadLetters: () =>
      db.query<DeadLetterLine>(`SELECT id, table_id, state, origin, op, key, old_key, "row", convert_from(bytes, 'UTF8') AS bytes, code, reason, position, committed_at_us::text AS committed_at_us, epoch, settled_at, note FROM elstream.dead_letter ORDER BY seq`),
    markerTable: (mapping) => `elstream.${quoteName(`marker_${tableHash(PIPELINE, mapping.id)}`)}`,
    hold: (at) => Promise.resolve(gateAt(AT[at], () => count(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`))),
    waitingForExclusion: () => count(`SELECT count(*)::int AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`),
    close: async () => {
      setFailpointHandler(null);
      await dataSource.destroy();
      await db.drop();
    },
  };
}

/** Holds whoever comes to a failpoint first, until released. */
function gateAt(at: FailpointName, waiting: () => Promise<number>): Held {
  let open: (() => void) | null = null;
  let came = false;
  setFailpointHandler(async (name) => {
    if (name !== at || came) return;
    came = true;
    await new Promise<void>((resolve) => {
      open = resolve;
    });
  });
  return {
    holds: async () => {
      await eventually(() => open !== null, { describe: `somebody at ${at}` });
    },
    waiting,
    release: () => Promise.resolve(open?.()),
  };
}
