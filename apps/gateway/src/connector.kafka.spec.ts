import { randomBytes } from 'node:crypto';
import request from 'supertest';
import { type ChangeStream } from '@elstream/change-stream';
import { loadPipelineText } from '@elstream/config';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { capturingLogger, createTestDatabase, eventually, type TestDatabase, testKafka } from '@elstream/testing';
import { components, type Dto } from './api/schemas';
import { createGatewayApp, type GatewayApp } from './app';
import { LOOPBACK } from './gateway.fixture';

jest.setTimeout(240_000);

const PATIENCE_MS = 60_000;
const name = `g${randomBytes(5).toString('hex')}`;
let source: TestDatabase;
let warehouse: TestDatabase;
let runtime: Runtime;
let stream: ChangeStream;
let app: GatewayApp;
let connectUrl: string;

beforeAll(async () => {
  const kafka = await testKafka();
  ({ connectUrl } = kafka);
  source = await createTestDatabase('gw_source');
  warehouse = await createTestDatabase('gw_warehouse');
  await source.query('CREATE TABLE orders (id bigint PRIMARY KEY, note text)');
  const yaml = `
name: ${name}
source: { url: '${source.url}' }
warehouse: { url: '${warehouse.url}' }
stream: { type: kafka, brokers: '${kafka.brokers}', connect: { url: '${connectUrl}' }, partitions: 1, counterIntervalMs: 200 }
tables: { include: [public.orders] }
`;
  runtime = await createRuntime({ pipelines: [loadPipelineText(yaml, {}).config], logger: capturingLogger(), overviewMetrics: false });
  app = await createGatewayApp(runtime, LOOPBACK, {});
  // As the first stage of a run does.
  const pipeline = runtime.registry.get(name);
  const { mappings } = pipeline.mapTables(await (await pipeline.source()).describe(pipeline.settings.selection));
  await pipeline.setMappings(mappings);
  stream = await pipeline.stream();
  await stream.prepare(mappings);
});

afterAll(async () => {
  await stream?.drop();
  await app?.close();
  await runtime?.close();
  await warehouse?.drop();
  await source?.drop();
});

const PATH = `/api/v1/pipelines/${name}/connector`;
const http = () => request(app.nest.getHttpServer());
const show = async (): Promise<Dto<'Connector'>> => components.Connector.strict().parse((await http().get(PATH).expect(200)).body);
const shows = (what: string, wanted: (shown: Dto<'Connector'>) => boolean): Promise<unknown> => eventually(async () => wanted(await show()), { timeoutMs: PATIENCE_MS, describe: what });
const runs = ({ state, tasks, trouble, gap }: Dto<'Connector'>): boolean => state === 'RUNNING' && tasks.length === 1 && tasks.every((task) => task.state === 'RUNNING') && trouble === null && gap === null;

/** Behind elstream's back. A group of workers that rebalances answers 409 for a while, which passes. */
async function inConnect(method: string, path = '', body?: unknown): Promise<unknown> {
  const { name: connector } = await show();
  const answer = await eventually(
    async () => {
      const response = await fetch(`${connectUrl}/connectors/${connector}${path}`, { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      return response.status !== 409 && response;
    },
    { timeoutMs: PATIENCE_MS, describe: `${method} ${path}` },
  );
  if (answer === false || !answer.ok) throw new Error(`${method} ${path}: ${answer === false ? '409' : String(answer.status)}`);
  const text = await answer.text();
  return text === '' ? undefined : JSON.parse(text);
}

/** Everything that has committed until now arrives. */
async function delivers(): Promise<void> {
  const end = await (await runtime.registry.get(name).source()).endOfLog();
  await stream.raiseCounter(() => runtime.store.nextCounter(name));
  await eventually(async () => (await stream.mark(end)) !== null, { timeoutMs: PATIENCE_MS, describe: 'capture past the end of the log' });
}

/** Who reads the slot: another after each start of the connector's task. */
async function reader(): Promise<number | null> {
  const [slot] = await source.query<{ pid: number | null }>('SELECT active_pid AS pid FROM pg_replication_slots WHERE database = current_database()');
  return slot?.pid ?? null;
}

test('a connector in Kafka Connect is shown as it runs, without its secrets', async () => {
  await delivers();
  await shows('it runs', runs);
  const shown = await show();
  expect(shown).toMatchObject({ class: 'io.debezium.connector.postgresql.PostgresConnector', differences: null, committed: { position: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown } });
  expect(shown.planned).toMatchObject({ 'database.password': '***', 'table.include.list': expect.stringContaining('orders') as unknown });
  expect(JSON.stringify(shown)).not.toContain(decodeURIComponent(new URL(source.url).password));
});

test('an update undoes what somebody changed in Kafka Connect', async () => {
  const config = (await inConnect('GET', '/config')) as Record<string, string>;
  await inConnect('PUT', '/config', { ...config, 'max.batch.size': '100', 'tombstones.on.delete': 'true' });
  expect((await show()).differences).toEqual({ changed: ['tombstones.on.delete'], missing: [], unexpected: ['max.batch.size'] });
  await http().post(`${PATH}/update`).expect(200);
  expect(await inConnect('GET', '/config')).toEqual(config);
  await shows('it runs as planned', (shown) => runs(shown) && shown.differences === null);
  await source.query("INSERT INTO orders VALUES (1, 'behind the update')");
  await delivers();
});

test.each(['of one that runs', 'of one that was paused'])('a restart %s goes on where it stood', async (of) => {
  if (of === 'of one that was paused') {
    await inConnect('PUT', '/pause');
    await shows('it is paused', ({ state, trouble }) => state === 'PAUSED' && trouble?.includes('was paused in Kafka Connect') === true);
  }
  const before = await reader();
  await source.query("INSERT INTO orders SELECT max(id) + 1, 'before the restart' FROM orders");
  await http().post(`${PATH}/restart`).expect(200);
  if (of === 'of one that runs') await eventually(async () => ![before, null].includes(await reader()), { timeoutMs: PATIENCE_MS, describe: 'another reader of the slot' });
  await shows('it runs again', runs);
  await delivers();
});

test('one that is gone is shown so and not operated; one whose slot is gone must not go on', async () => {
  const { slot } = ((await source.query<{ slot: string }>('SELECT slot_name AS slot FROM pg_replication_slots WHERE database = current_database()')) as [{ slot: string }])[0];
  await inConnect('DELETE');
  await shows('it is gone', ({ state }) => state === null);
  for (const what of ['restart', 'update']) expect((await http().post(`${PATH}/${what}`).expect(404)).body).toMatchObject({ code: 'CONNECTOR_MISSING', detail: expect.stringContaining('start a run') as unknown });
  await eventually(async () => (await source.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])).length === 1, { timeoutMs: PATIENCE_MS, describe: 'the slot is let go of' });
  await source.query('SELECT pg_drop_replication_slot($1)', [slot]);
  for (const what of ['restart', 'update']) expect((await http().post(`${PATH}/${what}`).expect(409)).body).toMatchObject({ code: 'CONNECTOR_LOST', detail: expect.stringContaining('start a run') as unknown });
});
