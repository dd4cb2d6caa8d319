import { silentLogger } from '@elstream/core';
import { startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { Client } from 'pg';
import { scratchFolder, until } from '../servers.fixture';
import { type ConnectServer, startConnect } from './connect-server';
import { kafkaVersions } from './find-kafka';
import { type KafkaServer, startKafkaServer } from './kafka-server';

jest.setTimeout(240_000);

let kafka: KafkaServer;
let connect: ConnectServer;
beforeAll(async () => {
  kafka = await startKafkaServer();
  connect = await startConnect({ brokers: kafka.brokers });
});
afterAll(async () => {
  await connect?.stop();
  await kafka?.stop();
});

async function rest<T>(method: string, at: string, body?: unknown): Promise<T> {
  const response = await fetch(`${connect.url}/${at}`, { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${at}: ${String(response.status)} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

interface Status {
  readonly connector: { readonly state: string };
  readonly tasks: readonly { readonly state: string; readonly trace?: string }[];
}

/** Of the connector; undefined while Connect is busy with its group. */
const statusOf = (name: string): Promise<Status | undefined> => rest<Status>('GET', `connectors/${name}/status`).catch(() => undefined);

async function runs(name: string): Promise<boolean> {
  const status = await statusOf(name);
  const failed = status?.tasks.find(({ state }) => state === 'FAILED');
  if (failed) throw new Error(failed.trace);
  return status?.connector.state === 'RUNNING' && status.tasks.length === 1 && status.tasks[0]?.state === 'RUNNING';
}

/** The log position that the connector has committed, as Connect tells it. */
async function committed(name: string): Promise<number | undefined> {
  const { offsets } = await rest<{ offsets: readonly { readonly offset: { readonly lsn?: number } }[] }>('GET', `connectors/${name}/offsets`);
  return offsets[0]?.offset.lsn;
}

describe('startConnect', () => {
  it.each([
    ['io.debezium.connector.postgresql.PostgresConnector', 'database.hostname'],
    ['io.debezium.connector.sqlserver.SqlServerConnector', 'database.names'],
  ])('has %s, which checks its settings', async (name, required) => {
    const plugins = await rest<unknown[]>('GET', 'connector-plugins');
    expect(plugins).toContainEqual({ class: name, type: 'source', version: kafkaVersions.debezium });
    const { configs } = await rest<{ configs: readonly { value: { name: string; errors: readonly string[] } | null }[] }>('PUT', `connector-plugins/${name}/config/validate`, { 'connector.class': name, name: 'x', 'topic.prefix': 'x' });
    expect(configs.flatMap(({ value }) => (value && value.errors.length > 0 ? [value.name] : []))).toContain(required);
  });

  it('captures a PostgreSQL exactly once, and goes on after a SIGKILL', async () => {
    using folder = scratchFolder();
    const source = await startEmbeddedPostgres({ dataDir: `${folder.path}/data`, logger: silentLogger });
    try {
      const { hostname, port, username, password } = new URL(source.url);
      const client = new Client({ connectionString: source.url });
      await client.connect();
      await client.query('CREATE TABLE item (id bigint PRIMARY KEY, name text)');
      await rest('POST', 'connectors', {
        name: 'items',
        config: {
          'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
          'exactly.once.support': 'required',
          'tasks.max': '1',
          'topic.prefix': 'items',
          'topic.creation.default.replication.factor': '1',
          'topic.creation.default.partitions': '1',
          'database.hostname': hostname,
          'database.port': port,
          'database.user': username,
          'database.password': decodeURIComponent(password),
          'database.dbname': 'postgres',
          'plugin.name': 'pgoutput',
          'table.include.list': 'public.item',
          'snapshot.mode': 'no_data',
        },
      });
      await until(() => runs('items'), 'the connector runs', 90_000);
      await client.query("INSERT INTO item VALUES (1, 'first')");
      await until(async () => (await committed('items')) !== undefined, 'the first event is captured');
      const first = (await committed('items'))!;

      await connect.kill();
      await client.query("INSERT INTO item VALUES (2, 'second')");
      await connect.restart();
      await until(async () => (await runs('items')) && ((await committed('items')) ?? 0) > first, 'the second event is captured', 90_000);
      await rest('DELETE', 'connectors/items');
      await until(async () => (await statusOf('items')) === undefined, 'the connector is gone');
      await client.end();
    } finally {
      await source.stop();
    }
  });
});
