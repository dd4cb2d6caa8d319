import { silentLogger } from '@elstream/core';
import { controlDataSourceOptionsFor, controlEntitiesFor, createControlStore } from '@elstream/control-typeorm';
import { bracketTable, connectMssql, CONTROL_SCHEMA, DEFAULT_TIMEOUTS, type EntityDataSource } from '@elstream/database';
import { describeWith, eventually, itWith, type MssqlClient, type ServerFeature, type TestMssql } from '@elstream/testing';
import { PIPELINE, type DeadLetterLine, type Held, type TestWarehouse, type WarehouseProduct } from '@elstream/warehouse-contract';
import { createMssqlWarehouse } from './index';
import { tableHash } from './target';
import { giveBack, takeDatabase } from './test-database.fixture';

export interface MssqlTestWarehouse extends TestWarehouse {
  readonly db: TestMssql;
  readonly dataSource: EntityDataSource;
}

/** What every write needs of a server. */
export const NEEDED: readonly ServerFeature[] = ['applock', 'openjson', 'bin2-collation'];

const TYPES: Readonly<Record<string, string>> = {
  int8: 'bigint',
  int4: 'int',
  int2: 'smallint',
  bool: 'bit',
  text: 'nvarchar(max)',
  json: 'nvarchar(max)',
  'varchar(5)': 'nvarchar(5)',
  'varchar(10)': 'nvarchar(10)',
  'varchar(20)': 'nvarchar(20)',
  'bpchar(4)': 'nchar(4)',
  'numeric(10,2)': 'decimal(10,2)',
  'timestamp(3)': 'datetime2(3)',
  timestamptz: 'datetimeoffset(6)',
};

/** What the contract suites have to know of SQL Server. */
export const mssql = {
  product: 'mssql',
  create: createTestWarehouse,
  describeWith,
  itWith,
  type: (name) => TYPES[name] ?? name,
  bytes: (value) => `0x${Buffer.from(value).toString('hex')}`,
  until: (condition) => eventually(condition),
  codes: { tooLong: 'VALUE_UNFIT', outOfRange: 'VALUE_UNFIT', notOfType: 'VALUE_UNFIT', check: 'DB_547', noTable: 'DB_208', keyTooLong: 'VALUE_UNFIT' },
} as const satisfies WarehouseProduct;

/** Few enough for a small server; half of them are sessions. */
const MAX_CONNECTIONS = 12;

async function createTestWarehouse(): Promise<MssqlTestWarehouse> {
  const db = await takeDatabase(prepare);
  const dataSource = await connect(db);
  const store = await createControlStore({ dataSource, logger: silentLogger });
  const warehouse = await createMssqlWarehouse({ dataSource, pipeline: PIPELINE, logger: silentLogger });
  const count = async (sql: string): Promise<number> => Number((await db.query<{ n: number }>(sql))[0]?.n ?? 0);
  const holders: MssqlClient[] = [];
  const waiting = (): Promise<number> => count(`SELECT COUNT(*) AS n FROM sys.dm_exec_requests WHERE database_id = DB_ID() AND blocking_session_id <> 0`);
  return {
    product: 'mssql',
    db,
    dataSource,
    store,
    warehouse,
    query: (sql) => db.query(sql),
    deadLetters: async () => (await db.query<DeadLetterRow>(DEAD_LETTERS)).map((row) => ({ ...row, id: row.id.toLowerCase(), key: parsed(row.key), old_key: parsed(row.old_key), row: parsed(row.row), bytes: row.bytes.toString('utf8') })),
    markerTable: (mapping) => bracketTable({ schema: CONTROL_SCHEMA, name: `marker_${tableHash(PIPELINE, mapping.id)}` }),
    hold: async (at) => {
      const holder = await db.client();
      holders.push(holder);
      return holdRow(db, holder, { at, waiting });
    },
    waitingForExclusion: () => count(`SELECT COUNT(*) AS n FROM sys.dm_tran_locks WHERE resource_type = 'APPLICATION' AND resource_database_id = DB_ID() AND request_status = 'WAIT'`),
    close: async () => {
      await Promise.all(holders.map((holder) => holder.close()));
      await dataSource.destroy();
      await giveBack(db);
    },
  };
}

function connect(db: TestMssql): Promise<EntityDataSource> {
  return connectMssql({ url: db.url, applicationName: 'test', maxConnections: MAX_CONNECTIONS, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 15_000, logger: silentLogger }, controlEntitiesFor('mssql'), controlDataSourceOptionsFor('mssql'));
}

async function prepare(db: TestMssql): Promise<void> {
  const dataSource = await connect(db);
  await (await createControlStore({ dataSource, logger: silentLogger })).migrate();
  await dataSource.destroy();
  await dropForeignKeys(db);
}

interface DeadLetterRow extends Omit<DeadLetterLine, 'bytes' | 'key' | 'old_key' | 'row'> {
  readonly key: string | null;
  readonly old_key: string | null;
  readonly row: string | null;
  readonly bytes: Buffer;
}

const DEAD_LETTERS = `SELECT CONVERT(nvarchar(36), id) AS id, table_id, state, origin, op, [key], old_key, [row], bytes, code, reason, position, CONVERT(nvarchar(20), committed_at_us) AS committed_at_us, epoch, settled_at, note FROM elstream.dead_letter ORDER BY seq`;

const parsed = (json: string | null): unknown => (json === null ? null : (JSON.parse(json) as unknown));

/**
 * The last row a batch writes is that of its checkpoint (all of them are held), and a merge's that of its task: whoever holds it holds a transaction
 * that lacks nothing else.
 */
async function holdRow(db: TestMssql, holder: MssqlClient, { at, waiting }: { readonly at: 'batch' | 'chunk'; readonly waiting: () => Promise<number> }): Promise<Held> {
  if (at === 'batch') await holder.query(`BEGIN TRANSACTION; SELECT 1 AS one FROM elstream.[checkpoint] WITH (UPDLOCK, REPEATABLEREAD) WHERE pipeline = N'${PIPELINE}'`);
  else {
    // of several tasks that are running, the one that was claimed first; looked for before, since looking takes locks
    const [task] = await db.query<{ id: string }>(`SELECT TOP (1) CONVERT(nvarchar(36), id) AS id FROM elstream.task WHERE state = N'running' ORDER BY started_at`);
    await holder.query(`BEGIN TRANSACTION; SELECT 1 AS one FROM elstream.task WITH (UPDLOCK, REPEATABLEREAD) WHERE id = '${task?.id ?? ''}'`);
  }
  return {
    holds: async () => {
      await eventually(async () => (await waiting()) > 0, { describe: `somebody at the end of a ${at}` });
    },
    // the one that is held waits too
    waiting: async () => (await waiting()) - 1,
    release: async () => {
      await holder.close();
    },
  };
}

/** Those among the control tables are the control store's to test, and no server of these suites has to compare collated ones. */
async function dropForeignKeys(db: TestMssql): Promise<void> {
  const keys = await db.query<{ name: string; on: string }>(`SELECT f.[name] AS [name], OBJECT_NAME(f.parent_object_id) AS [on] FROM sys.foreign_keys AS f`);
  for (const { name, on } of keys) await db.query(`ALTER TABLE elstream.[${on}] DROP CONSTRAINT [${name}]`);
}
