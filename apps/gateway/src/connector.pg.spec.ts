import { type ChangeStream, type ConnectorControl, type ConnectorView } from '@elstream/change-stream';
import { ElstreamError, LogPosition } from '@elstream/core';
import { type PipelineHandle, type PipelineRegistry } from '@elstream/replication';
import request from 'supertest';
import { components } from './api/schemas';
import { startGateway, table, type TestGateway } from './gateway.fixture';
import { connectorsOf } from './runtime-connectors';

const VIEW: ConnectorView = {
  name: 'elstream_shop',
  class: 'io.debezium.connector.postgresql.PostgresConnector',
  state: 'RUNNING',
  tasks: [{ id: 0, state: 'FAILED', failure: 'the source does not accept user and password; correct source.url' }],
  committed: { position: LogPosition.fromBigInt(255n, 8), complete: true },
  planned: { 'tasks.max': '1', 'database.password': '***' },
  differences: { changed: ['max.batch.size'], missing: [], unexpected: [] },
};

/** What its stream is: one with this connector, or a direct one. */
let control: ConnectorControl | null;
let mapped: readonly string[];
const asked: string[] = [];
let gateway: TestGateway;

const stream = (): Partial<ChangeStream> => ({
  ...(control === null ? {} : { connector: control }),
  status: () => Promise.resolve({ state: 'ready', gap: null, partitionGaps: [], trouble: 'the connector elstream_shop failed', retainedBytes: 1, eventsBehind: 0n }),
});
const handle = {
  name: 'shop',
  stream: () => Promise.resolve(stream()),
  mappings: () => Promise.resolve(new Map(mapped.map((id) => [id, table(id)]))),
  warehouse: { readCheckpoints: () => Promise.resolve([]) },
} as unknown as PipelineHandle;

beforeAll(async () => {
  gateway = await startGateway({}, { connectors: connectorsOf({ get: () => handle } as unknown as PipelineRegistry) });
});
afterAll(() => gateway[Symbol.asyncDispose]());
beforeEach(() => {
  asked.length = 0;
  mapped = ['public.orders'];
  const note = (what: string, tables: readonly { readonly id: string }[] = []): Promise<void> => Promise.resolve(void asked.push([what, ...tables.map(({ id }) => id)].join(' ')));
  control = { show: () => Promise.resolve(VIEW), restart: () => note('restart'), update: (tables) => note('update', tables) };
});

const http = () => request(gateway.app.nest.getHttpServer());
const PATH = '/api/v1/pipelines/shop/connector';

test('a connector is shown with what its stream says of it', async () => {
  const { body } = await http().get(PATH).expect(200);
  expect(components.Connector.strict().parse(body)).toEqual({ ...VIEW, committed: { position: '00000000000000ff', complete: true }, trouble: 'the connector elstream_shop failed', gap: null });
});

test.each([
  ['restart', 'restart'],
  ['update', 'update public.orders'],
])('%s does so, and shows it', async (what, done) => {
  const { body } = await http().post(`${PATH}/${what}`).expect(200);
  expect(components.Connector.strict().parse(body).name).toBe('elstream_shop');
  expect(asked).toEqual([done]);
});

const ROUTES: readonly ['get' | 'post', string][] = [['get', PATH], ['post', `${PATH}/restart`], ['post', `${PATH}/update`]];

test.each(ROUTES)('a direct pipeline has none: %s %s', async (method, path) => {
  control = null;
  const { body } = await http()[method](path).expect(409);
  expect(body).toMatchObject({ code: 'CONNECTOR_NONE', setting: 'stream.type', detail: expect.stringContaining('directly') });
});

test.each(ROUTES)('an unknown pipeline is told as everywhere: %s %s', async (method, path) => {
  const { body } = await http()[method](path.replace('shop', 'nope')).expect(404);
  expect(body.code).toBe('PIPELINE_UNKNOWN');
});

test('before the first preparation it cannot be planned', async () => {
  mapped = [];
  expect((await http().get(PATH).expect(409)).body.code).toBe('PIPELINE_UNPREPARED');
  expect((await http().post(`${PATH}/update`).expect(409)).body.code).toBe('PIPELINE_UNPREPARED');
});

test.each([
  ['CONNECTOR_MISSING', 'refuse', 404],
  ['CONNECTOR_LOST', 'refuse', 409],
  ['CONNECT', 'retry', 503],
  ['CONNECT_REFUSED', 'refuse', 422],
] as const)('what the stream refuses keeps its code: %s', async (code, recovery, status) => {
  control = { ...control!, restart: () => Promise.reject(new ElstreamError(code, recovery, 'start a run')) };
  const { body } = await http().post(`${PATH}/restart`).expect(status);
  expect(body).toMatchObject({ code, detail: 'start a run' });
});

test('all of it wants the token where there is one', async () => {
  await using closed = await startGateway({ token: 'a-long-secret-token' });
  for (const [method, path] of ROUTES) await request(closed.app.nest.getHttpServer())[method](path).expect(401);
});
