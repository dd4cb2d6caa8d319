import { request as rawRequest } from 'node:http';
import request from 'supertest';
import { ElstreamError } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { createHttpApp } from './app';
import { LOOPBACK, startGateway, table, type TestGateway } from './gateway.fixture';

const TOKEN = 'a-long-secret-token';

let open: TestGateway;
let closed: TestGateway;

beforeAll(async () => {
  open = await startGateway();
  closed = await startGateway({ token: TOKEN });
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
});

/** Fields of the request's line in the log. */
const logged = (requestId: string) => open.logger.lines.find(({ fields }) => fields.requestId === requestId)?.fields;

const http = (gateway: TestGateway = open) => request(gateway.app.nest.getHttpServer());

describe('a problem document answers', () => {
  test.each([
    ['an unknown route', () => http().get('/api/v1/nothing'), 404, 'ROUTE_UNKNOWN'],
    ['an unknown route outside the API', () => http().get('/favicon.ico'), 404, 'ROUTE_UNKNOWN'],
    ['an unknown pipeline', () => http().get('/api/v1/pipelines/nope'), 404, 'PIPELINE_UNKNOWN'],
    ['an unknown run', () => http().get('/api/v1/runs/nope'), 404, 'RUN_UNKNOWN'],
    ['an unknown run with a well-formed id', () => http().get('/api/v1/runs/7d3f1f5e-8a52-4b0e-9a9e-0a3f7e1f9c11'), 404, 'RUN_UNKNOWN'],
    ['an unknown table', () => http().get('/api/v1/pipelines/shop/tables/public.x/counts'), 404, 'TABLE_UNKNOWN'],
    ['a wrong method', () => http().put('/api/v1/pipelines/shop/runs').send({}), 405, 'METHOD_NOT_ALLOWED'],
    ['bad JSON', () => http().post('/api/v1/pipelines/check').set('content-type', 'application/json').send('{"yaml":'), 400, 'REQUEST_INVALID'],
    ['a JSON body that is no object', () => http().post('/api/v1/pipelines/shop/runs').set('content-type', 'application/json').send('[1]'), 400, 'REQUEST_INVALID'],
    ['an unknown field', () => http().post('/api/v1/pipelines/shop/runs').send({ table: 'x' }), 400, 'REQUEST_INVALID'],
    ['a query that is no number', () => http().get('/api/v1/runs?limit=many'), 400, 'REQUEST_INVALID'],
    ['an unknown query', () => http().get('/api/v1/runs?limits=1'), 400, 'REQUEST_INVALID'],
    ['a path that is badly encoded', () => http().get('/api/v1/pipelines/%FF'), 400, 'REQUEST_INVALID'],
    ['a form', () => http().post('/api/v1/pipelines/shop/runs').type('form').send('tables=x'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['plain text', () => http().post('/api/v1/pipelines/check').type('text/plain').send('name: x'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['YAML where none is read', () => http().post('/api/v1/pipelines/shop/runs').type('application/yaml').send('a: 1'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['an unknown charset', () => http().post('/api/v1/pipelines/shop/runs').set('content-type', 'application/json; charset=x-none').send('{}'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a body above 1 MiB', () => http().post('/api/v1/pipelines/check').send({ yaml: 'x'.repeat(1_048_577) }), 413, 'BODY_TOO_LARGE'],
    ['a removal that is not confirmed', () => http().delete('/api/v1/pipelines/shop'), 400, 'REQUEST_INVALID'],
    ['a removal confirmed by another name', () => http().delete('/api/v1/pipelines/shop?confirm=other'), 400, 'CONFIRMATION_WRONG'],
    ['a database that is away', () => http().get('/api/v1/pipelines/shop/tables/public.orders/counts'), 503, 'SOURCE_UNREACHABLE'],
  ])('%s', async (what, send, status, code) => {
    if (what === 'a database that is away') await open.services.store.saveMappings('shop', [table('public.orders')]);
    const answer = await send();
    expect({ status: answer.status, type: answer.type, code: answer.body.code }).toEqual({ status, type: 'application/problem+json', code });
    expect(answer.body).toMatchObject({ status, instance: `urn:uuid:${answer.headers['x-request-id']}`, detail: expect.stringMatching(/./), title: expect.stringMatching(/./) });
    expect(answer.body.type).toBe(`urn:elstream:problem:${code.toLowerCase().replaceAll('_', '-')}`);
  });

  test('a wrong method names the right ones', async () => {
    const answer = await http().put('/api/v1/pipelines/shop').send({});
    expect(answer.headers.allow?.split(', ').sort()).toEqual(['DELETE', 'GET', 'HEAD']);
  });

  test('a wrong field is named, its value is not shown', async () => {
    const answer = await http().post('/api/v1/pipelines/shop/runs').send({ tables: ['public.orders', 4711] });
    expect(answer.body.errors).toEqual([{ path: 'tables.1', message: expect.any(String) }]);
    expect(JSON.stringify(answer.body)).not.toContain('4711');
  });

  test('an unforeseen error shows nothing of itself, and the log finds it under the id of the answer', async () => {
    const logged = await startGateway({}, { checkPipeline: () => Promise.reject(new Error('SELECT secret FROM t at postgres://u:pw@db/x')) });
    await using gateway = logged;
    const answer = await http(gateway).post('/api/v1/pipelines/check').send({ yaml: 'x' });
    expect(answer.status).toBe(500);
    expect(answer.body.code).toBe('INTERNAL');
    expect(answer.text).not.toMatch(/SELECT|secret|pw|stack|\.ts/);
    const line = gateway.logger.lines.find(({ message }) => message === 'request failed');
    expect(line?.fields.requestId).toBe(answer.headers['x-request-id']);
    expect(gateway.logger.text()).not.toContain('u:pw');
  });
});

describe('without a token', () => {
  test.each([
    ['localhost', 200],
    ['localhost:8080', 200],
    ['127.0.0.1:8080', 200],
    ['[::1]:8080', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost@evil.example', 421],
    ['192.168.1.5:8080', 421],
  ])('the host %s is answered with %d', async (host, status) => {
    for (const path of ['/api/v1/pipelines', '/api/docs-json', '/health/live', '/metrics']) {
      expect((await http().get(path).set('host', host)).status).toBe(status);
    }
  });

  test.each([
    ['an origin of another site', { origin: 'https://evil.example' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['another port of this host', { origin: 'http://localhost:9999' }, 403],
    ['a request the browser calls cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['its own origin', { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-origin' }, 200],
    ['a client that is no browser', {}, 200],
  ])('%s may or may not change something', async (_what, headers, status) => {
    expect((await http().post('/api/v1/pipelines/shop/resume').set({ host: 'localhost:8080', ...headers })).status).toBe(status);
  });
});

describe('with a token', () => {
  test.each(['/api/v1/pipelines', '/API/V1/pipelines', '/api/docs', '/api/docs-json', '/api/v1/nothing', '//api/v1/pipelines', '/metrics/', '/anything'])(
    '%s needs it',
    async (path) => {
      const answer = await http(closed).get(path);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.body.code).toBe('TOKEN_REQUIRED');
    },
  );

  test.each([`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, `Basic ${TOKEN}`, TOKEN, 'Bearer', 'Bearer  '])('%s is refused', async (authorization) => {
    expect((await http(closed).get('/api/v1/pipelines').set({ authorization })).status).toBe(401);
  });

  test('health and metrics need none', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics']) expect((await http(closed).get(path)).status).toBe(200);
  });

  test('the right one opens API and documentation, from any host', async () => {
    for (const path of ['/api/v1/pipelines', '/api/docs', '/api/docs-json']) {
      expect((await http(closed).get(path).set({ authorization: `bearer ${TOKEN}`, host: 'elstream.example' })).status).toBe(200);
    }
  });

  test('an unread body is refused before it is parsed', async () => {
    const answer = await http(closed).post('/api/v1/pipelines/check').set('content-type', 'application/json').send('{"yaml":');
    expect(answer.status).toBe(401);
  });
});

test.each(['0.0.0.0', '::', '', '192.168.1.5', 'gateway', '::ffff:10.0.0.1', '127.0.0.1.evil.example'])('it refuses to listen on "%s" without a token, naming both settings', async (host) => {
  const starting = createHttpApp([], { ...LOOPBACK, host }, open.services);
  await expect(starting).rejects.toThrow(/HTTP_HOST.*API_TOKEN/);
  await expect(starting).rejects.toBeInstanceOf(ElstreamError);
});

test('an empty token is refused, not taken for none', async () => {
  await expect(createHttpApp([], { ...LOOPBACK, token: '' }, open.services)).rejects.toThrow(/API_TOKEN is set but empty/);
});

test.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])('"%s" counts as loopback', async (host) => {
  const app = await createHttpApp([], { ...LOOPBACK, host }, open.services);
  await app.close();
});

test('a port that is taken is an error that names the setting', async () => {
  const first = await createHttpApp([], LOOPBACK, open.services);
  const port = Number(new URL(await first.listen()).port);
  const second = await createHttpApp([], { ...LOOPBACK, port }, open.services);
  await expect(second.listen()).rejects.toThrow(/HTTP_PORT/);
  await second.close();
  await first.close();
});

test.each([
  ['7d3f1f5e-8a52-4b0e-9a9e-0a3f7e1f9c11', 'urn:uuid:7d3f1f5e-8a52-4b0e-9a9e-0a3f7e1f9c11'],
  ['4bf92f3577b34da6a3ce929d0e0e4736', 'urn:elstream:request:4bf92f3577b34da6a3ce929d0e0e4736'],
])('the request id %s of a client is kept, in answer and log', async (id, instance) => {
  const answer = await http().post('/api/v1/nothing').set('x-request-id', id);
  expect(answer.headers['x-request-id']).toBe(id);
  expect(answer.body.instance).toBe(instance);
  await eventually(() => expect(logged(id)).toMatchObject({ method: 'POST', path: '/api/v1/nothing', status: 404 }));
});

test.each(['short', 'x'.repeat(65), 'a b c d e f g h', 'quote"quote"'])('the request id %j is replaced by one of our own', async (id) => {
  expect((await http().get('/api/v1/pipelines').set('x-request-id', id)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
});

test('a request that starts a run logs the id of the run beside its own', async () => {
  const answer = await http().post('/api/v1/pipelines/shop/runs').set('x-request-id', 'request-of-a-run').expect(201);
  await eventually(() => expect(logged('request-of-a-run')).toMatchObject({ runId: answer.body.id, pipeline: 'shop', status: 201 }));
});

test('every answer carries the security headers, also one that fails early', async () => {
  for (const answer of [await http().get('/health/live'), await http().get('/nothing'), await http(closed).get('/api/docs'), await http().get('/').set('host', 'evil.example')]) {
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'cache-control': 'no-store' });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  }
});

test('a body that comes in chunks is measured too', async () => {
  const app = await createHttpApp([], LOOPBACK, open.services);
  const { port } = new URL(await app.listen());
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const req = rawRequest({ port, method: 'POST', path: '/api/v1/x', headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' } }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on('error', reject);
    req.end(`"${'x'.repeat(1_100_000)}"`);
  });
  expect(status).toBe(413);
  await app.close();
});

test('the documentation page and its assets are served', async () => {
  const page = await http().get('/api/docs');
  expect(page.type).toBe('text/html');
  const assets = [...page.text.matchAll(/(?:src|href)=["']([^"']+)["']/g)].map(([, path]) => new URL(path!, 'http://localhost/api/').pathname);
  expect(assets.length).toBeGreaterThan(2);
  for (const asset of assets) expect((await http().get(asset)).status).toBe(200);
});
