import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMssqlClient, quoteBracket, quoteN, type MssqlClient } from './connection';

/** A database of its own on a SQL Server for one test, gone with `drop` (or at the end of `await using`). */
export interface TestMssql {
  readonly name: string;
  /** `mssql://…/<name>?…` with the rights of `MSSQL_URL`. Holds the password. */
  readonly url: string;
  /** One batch on the database's own connection, as `MssqlClient.query`. */
  query<Row = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** A further connection, closed by `drop` at the latest. */
  client(): Promise<MssqlClient>;
  /** Drops the database by force. Idempotent. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Connection string of the server for tests: that of `MSSQL_URL`. There is none to be started: without the variable
 * `*.mssql.spec.ts` are skipped by name (tools/jest/needs.cjs).
 */
export function mssqlServerUrl(): string {
  const url = process.env['MSSQL_URL'];
  if (!url) throw new Error('MSSQL_URL is not set: mssql://user:password@host:port/master?encrypt=true&trustServerCertificate=true, of a login that may create databases');
  return url;
}

export function mssqlUrlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.toString();
}

/** Makes an empty database, unique over all processes; row versions (RCSI, snapshot isolation) are on where the server has them. */
export async function createTestMssql(prefix = 'test', serverUrl = mssqlServerUrl()): Promise<TestMssql> {
  const name = `${prefix}_${String(process.pid)}_${randomBytes(5).toString('hex')}`.toLowerCase();
  const admin = await connectMssqlClient(serverUrl);
  try {
    await admin.query(`CREATE DATABASE ${quoteBracket(name)}`);
    for (const option of ['ALLOW_SNAPSHOT_ISOLATION', 'READ_COMMITTED_SNAPSHOT']) {
      // A server without it lacks the feature `snapshot-isolation`, by which the tests that need it are skipped.
      await admin.query(`ALTER DATABASE ${quoteBracket(name)} SET ${option} ON`).catch(() => undefined);
    }
  } finally {
    await admin.close();
  }
  return new Database(name, mssqlUrlOf(serverUrl, name), serverUrl);
}

class Database implements TestMssql {
  readonly #clients: MssqlClient[] = [];
  #own: Promise<MssqlClient> | undefined;
  #dropped: Promise<void> | undefined;

  constructor(
    readonly name: string,
    readonly url: string,
    private readonly admin: string,
  ) {}

  async query<Row>(sql: string): Promise<Row[]> {
    return (await (this.#own ??= this.client())).query<Row>(sql);
  }

  async client(): Promise<MssqlClient> {
    const client = await connectMssqlClient(this.url);
    this.#clients.push(client);
    return client;
  }

  drop(): Promise<void> {
    return (this.#dropped ??= this.#drop());
  }

  async #drop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await dropMssqlDatabase(this.admin, this.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}

const DROP_MS = 15_000;

/** Ends the sessions that still use it. A database with CDC loses CDC first: its jobs would stay behind in msdb. */
export async function dropMssqlDatabase(serverUrl: string, name: string): Promise<void> {
  const admin = await connectMssqlClient(serverUrl);
  try {
    const [cdc] = await admin.query<{ is_cdc_enabled?: boolean }>(`SELECT * FROM sys.databases WHERE name = ${quoteN(name)}`);
    if (cdc?.is_cdc_enabled === true) await admin.query(`EXEC ${quoteBracket(name)}.sys.sp_cdc_disable_db`);
    for (const deadline = Date.now() + DROP_MS; ; await sleep(50)) {
      try {
        await admin.query(`DROP DATABASE IF EXISTS ${quoteBracket(name)}`);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await endSessions(admin, name);
      }
    }
  } finally {
    await admin.close();
  }
}

/** Of the two ways to do it, the first is at once, the second works where there is no single-user mode. */
async function endSessions(admin: MssqlClient, name: string): Promise<void> {
  await admin.query(`ALTER DATABASE ${quoteBracket(name)} SET SINGLE_USER WITH ROLLBACK IMMEDIATE`).catch(() => undefined);
  const sessions = await admin.query<{ id: number }>(`SELECT session_id AS id FROM sys.dm_exec_sessions WHERE database_id = DB_ID(${quoteN(name)}) AND session_id <> @@SPID`);
  // one that has ended meanwhile cannot be killed, and need not be
  for (const { id } of sessions) await admin.query(`KILL ${String(id)}`).catch(() => undefined);
}
