import request from 'supertest';
import { loadPipelineText } from '@elstream/config';
import { createStreamer, createTaskWorker } from '@elstream/replication';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { capturingLogger, createTestDatabase, eventually, type TestDatabase } from '@elstream/testing';
import { components, type Dto } from './api/schemas';
import { createGatewayApp, type GatewayApp } from './app';
import { LOOPBACK } from './gateway.fixture';

let source: TestDatabase;
let warehouse: TestDatabase;
let runtime: Runtime;
let app: GatewayApp;
const services: { stop(): Promise<void> }[] = [];
const logger = capturingLogger();

const yaml = (tables = '[public.orders, \'public."odd name"\']'): string => `
name: shop
source: { url: '\${SOURCE}' }
warehouse: { url: '\${WAREHOUSE}', schema: dwh }
tables: { include: ${tables} }
stream: { counterIntervalMs: 200 }
`;

beforeAll(async () => {
  source = await createTestDatabase('gw_source');
  warehouse = await createTestDatabase('gw_warehouse');
  await source.query(`
    CREATE TABLE orders (id bigint PRIMARY KEY, note text);
    INSERT INTO orders SELECT i, 'note ' || i FROM generate_series(1, 2500) i;
    CREATE TABLE "odd name" (id int PRIMARY KEY);
    CREATE TABLE keyless (x int);
    ANALYZE orders`);
  const env = { SOURCE: source.url, WAREHOUSE: warehouse.url };
  runtime = await createRuntime({ pipelines: [loadPipelineText(yaml(), env).config], logger });
  app = await createGatewayApp(runtime, LOOPBACK, { env, planner: { activeMs: 20 }, streams: { pollMs: 20, heartbeatMs: 15_000 } });
  for (const service of [createStreamer(runtime.deps), createTaskWorker(runtime.deps, 'preload', { concurrency: 2 }), createTaskWorker(runtime.deps, 'validate', { concurrency: 1 })]) {
    void service.run();
    services.push(service);
  }
}, 120_000);

afterAll(async () => {
  await app?.close();
  await Promise.all(services.map((service) => service.stop()));
  await runtime?.close();
  await warehouse?.drop();
  await source?.drop();
});

const http = () => request(app.nest.getHttpServer());

async function endOf(id: string): Promise<Dto<'RunDetail'>> {
  const show = async () => components.RunDetail.strict().parse((await http().get(`/api/v1/runs/${id}`).expect(200)).body);
  await eventually(async () => (await show()).finishedAt !== null, { timeoutMs: 90_000, describe: `the end of run ${id}` });
  return show();
}

test('a pipeline driven through the API alone is preloaded, streamed, validated, counted and removed', async () => {
  const { body: started } = await http().post('/api/v1/pipelines/shop/runs').expect(201);
  const run = await endOf(started.id as string);
  expect(run).toMatchObject({ state: 'succeeded', error: null, differences: 0, unverified: 0 });
  expect(run.progress.find(({ table }) => table === 'public.orders')).toMatchObject({ phase: 'live', preload: { rows: 2500 } });

  const events = (await http().get(`/api/v1/runs/${run.id}/events`)).body as unknown[];
  const types = events.map((event) => components.RunEvent.strict().parse(event).type);
  expect(types).toEqual(expect.arrayContaining(['run-started', 'table-live', 'run-succeeded']));

  await source.query("INSERT INTO orders VALUES (9001, 'late')");
  const counted = async (exact: boolean) =>
    components.TableCounts.strict().parse((await http().get(`/api/v1/pipelines/shop/tables/public.orders/counts?exact=${String(exact)}`).expect(200)).body);
  await eventually(async () => (await counted(true)).warehouse.rows === 2501, { describe: 'the streamed row' });
  expect(await counted(true)).toMatchObject({ source: { rows: 2501, exact: true }, warehouse: { rows: 2501, exact: true } });
  expect((await counted(false)).source).toEqual({ rows: 2500, exact: false });
  expect((await http().get('/api/v1/pipelines/shop/tables/public.odd%20name/counts?exact=true').expect(200)).body.source).toEqual({ rows: 0, exact: true });

  const pipeline = components.Pipeline.strict().parse((await http().get('/api/v1/pipelines/shop').expect(200)).body);
  expect(pipeline).toMatchObject({ streamError: null, gapReason: null, activeRunId: null, lagMs: expect.any(Number), retainedBytes: expect.any(Number) });
  expect(pipeline.tables.map(({ table, phase }) => [table, phase]).sort()).toEqual([['public.odd name', 'live'], ['public.orders', 'live']]);
  expect((await http().get('/metrics')).text).toContain('elstream_table_phase{pipeline="shop",table="public.orders",phase="live"} 1');
  await http().get('/health/ready').expect(200);

  await warehouse.query("UPDATE dwh.orders SET note = 'damaged' WHERE id = 7");
  const { body: again } = await http().post('/api/v1/pipelines/shop/runs').send({ stages: ['validate'] }).expect(201);
  const compared = await endOf(again.id as string);
  expect(compared).toMatchObject({ state: 'succeeded', stages: ['validate'], differences: 1, unverified: 0, rowsCompared: 2501 });
  expect(compared.progress.every(({ phase, preload }) => phase === 'live' && preload.total === 0)).toBe(true);
  expect((await http().get(`/api/v1/runs/${compared.id}/differences`)).body).toEqual([{ table: 'public.orders', key: 'id=7', cells: ['7'], of: 'row', kind: 'unequal', columns: ['note'] }]);
  const { body: repair } = await http().post('/api/v1/pipelines/shop/repairs').send({ run: compared.id }).expect(201);
  expect(components.RepairRun.strict().parse(repair)).toMatchObject({ keys: 1, leftOut: 0, tables: ['public.orders'] });
  expect((await endOf(repair.id as string)).progress).toMatchObject([{ table: 'public.orders', repair: { repaired: 1, deleted: 0, unchanged: 0, moved: 0, failed: 0 } }]);
  expect(await warehouse.query('SELECT note FROM dwh.orders WHERE id = 7')).toEqual([{ note: 'note 7' }]);
  const { body: reset } = await http().post('/api/v1/pipelines/shop/reset').send({ confirm: 'shop', tables: ['public.orders'] }).expect(201);
  expect(await endOf(reset.id as string)).toMatchObject({ state: 'succeeded', reason: 'reset', differences: 0, tables: ['public.orders'] });

  await http().post('/api/v1/pipelines/shop/pause').expect(200);
  await http().delete('/api/v1/pipelines/shop?confirm=shop').expect(204);
  expect(await source.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
  expect(await source.query('SELECT pubname FROM pg_publication')).toEqual([]);
  expect(await warehouse.query('SELECT count(*)::int AS n FROM dwh.orders')).toEqual([{ n: 2501 }]);
  await http().get('/api/v1/pipelines/shop').expect(404);
  expect((await http().get('/metrics')).text).not.toContain('pipeline="shop"');
}, 150_000);

test('a file is checked against both databases without changing them', async () => {
  const check = async (text: string, query = '?connect=true') => {
    const { body } = await http().post(`/api/v1/pipelines/check${query}`).type('application/yaml').send(text).expect(200);
    return components.PipelineCheck.strict().parse(body);
  };
  expect(await check(yaml())).toEqual({ valid: true, pipeline: 'shop', problems: [], warnings: [] });
  const keyless = await check(yaml('[public.keyless]'));
  expect(keyless.valid).toBe(false);
  expect(keyless.problems.map(({ message }) => message).join('\n')).toMatch(/keyless.*key/);
  expect((await check(yaml('[public.keyless]'), '')).valid).toBe(true);
  expect(JSON.stringify(await check(yaml().replace("'${SOURCE}'", 'postgres://u:pw-in-file@127.0.0.1:1/x')))).not.toContain('pw-in-file');
  expect(await source.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
}, 60_000);

test('no password is in the log of all this', () => {
  for (const { password } of [new URL(source.url), new URL(warehouse.url)]) if (password !== '') expect(logger.text()).not.toContain(password);
});
