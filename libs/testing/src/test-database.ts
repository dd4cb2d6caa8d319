import { errnoOf } from '@elstream/embedded-postgres';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import { acquireTestServer, type Lease } from './test-server/lease';

/** A database of its own for one test, gone with `drop` (or at the end of `await using`). */
export interface TestDatabase {
  readonly name: string;
  /** Connection string of the superuser to this database. */
  readonly url: string;
  /** Runs on the database's own connection; values parsed as `pg` does by default. */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  /** The same, every value as the text the server printed (NULL as null): for comparisons. */
  queryText(sql: string, params?: readonly unknown[]): Promise<Record<string, string | null>[]>;
  /** A further connection, closed by `drop` at the latest. */
  client(): Promise<Client>;
  /** Drops the database by force, first what would prevent it: replication slots and prepared transactions. Idempotent. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const asText = { getTypeParser: () => (value: unknown) => value };

/** Kept for the life of the process (of a test file under jest): the connection is the right to the server. */
let lease: Promise<Lease> | undefined;

/** Connection string of the workspace's test server (database `postgres`), started when needed. */
export async function testServerUrl(): Promise<string> {
  lease ??= acquireTestServer();
  return (await lease).url;
}

/**
 * Makes a database on `serverUrl`, by default the workspace's test server: empty, or a copy of `template`, to which nobody is
 * connected. The name is unique over all processes.
 */
export async function createTestDatabase(prefix = 'test', serverUrl?: string, template = 'template0'): Promise<TestDatabase> {
  const admin = serverUrl ?? (await testServerUrl());
  const name = `${prefix}_${String(process.pid)}_${randomBytes(5).toString('hex')}`.toLowerCase();
  await withClient(admin, (client) => client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} TEMPLATE ${client.escapeIdentifier(template)}`));
  const url = new URL(admin);
  url.pathname = `/${encodeURIComponent(name)}`;
  return new Database(name, url.toString(), admin);
}

class Database implements TestDatabase {
  readonly #clients: Client[] = [];
  #own: Promise<Client> | undefined;
  #dropped: Promise<void> | undefined;

  constructor(
    readonly name: string,
    readonly url: string,
    private readonly admin: string,
  ) {}

  async query<Row extends QueryResultRow>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const client = await this.#ownClient();
    return (await client.query<Row>(sql, params.length === 0 ? undefined : [...params])).rows;
  }

  async queryText(sql: string, params: readonly unknown[] = []): Promise<Record<string, string | null>[]> {
    const client = await this.#ownClient();
    return (await client.query<Record<string, string | null>>({ text: sql, values: [...params], types: asText })).rows;
  }

  async client(): Promise<Client> {
    const client = await connectTo(this.url);
    this.#clients.push(client);
    return client;
  }

  /** Made again after a restart of the server broke it. */
  async #ownClient(): Promise<Client> {
    if (!this.#own) {
      const opening = connectTo(this.url);
      this.#own = opening;
      const forget = (): void => {
        if (this.#own === opening) this.#own = undefined;
      };
      opening.then((client) => client.once('end', forget), forget);
    }
    return this.#own;
  }

  drop(): Promise<void> {
    return (this.#dropped ??= this.#drop());
  }

  async #drop(): Promise<void> {
    const own = this.#own ? [await this.#own.catch(() => undefined)] : [];
    await Promise.all([...own, ...this.#clients].map((client) => client?.end().catch(() => undefined)));
    await dropDatabase(this.admin, this.name, this.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}

async function dropDatabase(admin: string, name: string, url: string): Promise<void> {
  await withClient(admin, async (client) => {
    const prepared = await client.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts WHERE database = $1', [name]);
    if (prepared.rows.length > 0) {
      await withClient(url, async (inside) => {
        for (const { gid } of prepared.rows) await inside.query(`ROLLBACK PREPARED ${inside.escapeLiteral(gid)}`);
      });
    }
    for (const deadline = Date.now() + 10_000; ; await sleep(20)) {
      const slots = await client.query<{ active_pid: number | null }>('SELECT active_pid FROM pg_replication_slots WHERE database = $1', [name]);
      if (slots.rows.length === 0) break;
      if (Date.now() > deadline) throw new Error(`replication slots of database ${name} stay in use for 10 s`);
      await client.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL', [name]);
      await dropIdleSlots(client, name);
    }
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
  });
}

/** A walsender that was just told to end may still hold its slot (55006), or have taken it away (42704): the caller looks again. */
async function dropIdleSlots(client: Client, name: string): Promise<void> {
  try {
    await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NULL', [name]);
  } catch (error) {
    if (!['55006', '42704'].includes(errnoOf(error) ?? '')) throw error;
  }
}

/** A connected client that survives the server's going away: later queries fail, the process does not. */
export async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectTo(url);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
