import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import request from 'supertest';
import { components, type ComponentName } from './api/schemas';
import { startGateway, table, type TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let address: string;

beforeAll(async () => {
  gateway = await startGateway();
  address = await gateway.app.listen();
});
beforeEach(async () => gateway.reset());
afterAll(async () => gateway[Symbol.asyncDispose]());

const http = () => request(address);

/** The answer's body, which must be just what the documentation says. */
function shaped<T = Record<string, unknown>>(name: ComponentName, body: unknown): T {
  return components[name].strict().parse(body) as T;
}

async function startRun(body: object = {}): Promise<{ readonly id: string }> {
  const answer = await http().post('/api/v1/pipelines/shop/runs').send(body).expect(201);
  return shaped('Run', answer.body);
}

describe('pipelines', () => {
  test('are listed and shown with the share of the log limit used', async () => {
    const { body } = await http().get('/api/v1/pipelines/shop').expect(200);
    expect(shaped('Pipeline', body)).toMatchObject({ name: 'shop', paused: false, lagMs: 12, retainedBytes: 250_000, retainedLimitBytes: 1_000_000, retainedShare: 0.25 });
    expect((await http().get('/api/v1/pipelines').expect(200)).body).toEqual([body]);
    expect(shaped('Lag', (await http().get('/api/v1/pipelines/shop/lag').expect(200)).body)).toMatchObject({ pipeline: 'shop', lagMs: 12 });
  });

  test('pause and resume as often as asked, and tell the services each time', async () => {
    for (const [verb, paused] of [['pause', true], ['pause', true], ['resume', false], ['resume', false]] as const) {
      const { body } = await http().post(`/api/v1/pipelines/shop/${verb}`).expect(200);
      expect(shaped('Pipeline', body).paused).toBe(paused);
      expect(gateway.published.at(-1)).toEqual({ type: 'pipeline-changed', pipeline: 'shop' });
    }
    expect(gateway.published).toHaveLength(4);
  });

  test('a resume clears the error the stream stands still for', async () => {
    await gateway.services.store.setStreamError('shop', 'event cannot be applied');
    expect((await http().get('/api/v1/pipelines/shop')).body.streamError).toBe('event cannot be applied');
    expect((await http().post('/api/v1/pipelines/shop/resume')).body.streamError).toBeNull();
  });

  test('one is removed when its name is confirmed, and is unknown from then on', async () => {
    await http().delete('/api/v1/pipelines/shop?confirm=shop').expect(204);
    expect(gateway.removed).toEqual(['shop']);
    await http().get('/api/v1/pipelines/shop').expect(404);
    await http().delete('/api/v1/pipelines/shop?confirm=shop').expect(404);
  });
});

describe('runs', () => {
  test('the first is initial, later ones manual; each has a place of its own', async () => {
    const answer = await http().post('/api/v1/pipelines/shop/runs').expect(201);
    const first = shaped<{ id: string }>('Run', answer.body);
    expect(first).toMatchObject({ pipeline: 'shop', reason: 'initial', state: 'pending', tables: [] });
    expect(answer.headers.location).toBe(`/api/v1/runs/${first.id}`);
    expect(gateway.published).toContainEqual({ type: 'run-changed', pipeline: 'shop', runId: first.id });
    await gateway.services.store.endRun(first.id, 'succeeded', null);
    expect((await http().post('/api/v1/pipelines/shop/runs').send({})).body.reason).toBe('manual');
  });

  test('a second one is refused while one is active, and the problem names it', async () => {
    const { id } = await startRun();
    const { body } = await http().post('/api/v1/pipelines/shop/runs').expect(409);
    expect(shaped('Problem', body)).toMatchObject({ code: 'RUN_ACTIVE', runId: id, pipeline: 'shop', detail: expect.stringContaining(id) });
  });

  test('of two asked for at once exactly one starts', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => http().post('/api/v1/pipelines/shop/runs')));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  test('tables can be chosen among those of the pipeline', async () => {
    await gateway.services.store.saveMappings('shop', [table('public.orders'), table('public."a.b"')]);
    const refused = await http().post('/api/v1/pipelines/shop/runs').send({ tables: ['public.orders', 'public.nope'] }).expect(422);
    expect(refused.body).toMatchObject({ code: 'TABLE_UNKNOWN', table: 'public.nope' });
    expect(await startRun({ tables: ['public."a.b"', 'public."a.b"'] })).toMatchObject({ tables: ['public."a.b"'] });
  });

  test('validation alone can be asked for, of all tables or some, once the pipeline was prepared', async () => {
    const ask = (body: object) => http().post('/api/v1/pipelines/shop/runs').send({ stages: ['validate'], ...body });
    expect((await ask({}).expect(422)).body).toMatchObject({ code: 'PIPELINE_UNPREPARED', pipeline: 'shop' });
    await gateway.services.store.saveMappings('shop', [table('public.orders'), table('public.items')]);
    const run = shaped<{ id: string }>('Run', (await ask({}).expect(201)).body);
    expect(run).toMatchObject({ stages: ['validate'], tables: ['public.orders', 'public.items'] });
    expect(await gateway.services.store.readTasks(run.id, { limit: 10 })).toEqual([]);
    await gateway.services.store.endRun(run.id, 'succeeded', null);
    expect((await ask({ tables: ['public.items'] }).expect(201)).body).toMatchObject({ tables: ['public.items'] });
  });

  test.each([[[]], [['preload']], [['validate', 'validate']], [['validate', 'preload', 'prepare']], [['repair']]])('stages %j are refused by name', async (stages) => {
    expect((await http().post('/api/v1/pipelines/shop/runs').send({ stages }).expect(400)).body).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ path: expect.stringContaining('stages') }] });
  });

  test('are listed newest first, by pipeline and state', async () => {
    const first = await startRun();
    await http().post(`/api/v1/runs/${first.id}/cancel`).expect(200);
    const second = await startRun();
    const ids = async (query: string): Promise<string[]> => (await http().get(`/api/v1/runs${query}`).expect(200)).body.map((run: { id: string }) => run.id);
    expect(await ids('')).toEqual([second.id, first.id]);
    expect(await ids('?limit=1')).toEqual([second.id]);
    expect(await ids('?state=cancelled')).toEqual([first.id]);
    expect(await ids('?pipeline=other')).toEqual([]);
    expect((await http().get('/api/v1/pipelines/shop/runs')).body).toHaveLength(2);
  });

  test('one is shown with the progress of its tables', async () => {
    const { id } = await startRun();
    const { body } = await http().get(`/api/v1/runs/${id}`).expect(200);
    expect(shaped('RunDetail', body)).toMatchObject({ id, progress: [{ table: 'public.orders', estimatedRows: 4_000, preload: { done: 1, total: 4, rows: 1_000 } }], differences: 0 });
    const found = (await http().get(`/api/v1/runs/${id}/differences`).expect(200)).body;
    expect(shaped('Difference', found[0])).toEqual({ table: 'public.orders', key: 'id=5', cells: ['5'], of: 'row', kind: 'unequal', columns: ['total'] });
  });

  test('a cancel is idempotent, but refused for a run that ended otherwise', async () => {
    const { id } = await startRun();
    for (const _again of [1, 2]) expect((await http().post(`/api/v1/runs/${id}/cancel`).expect(200)).body.state).toBe('cancelled');
    const second = await startRun();
    await gateway.services.store.endRun(second.id, 'failed', 'disk full');
    expect((await http().post(`/api/v1/runs/${second.id}/cancel`).expect(409)).body).toMatchObject({ code: 'RUN_ENDED', runId: second.id });
  });

  test('events are listed after an id, in order', async () => {
    const { id } = await startRun();
    for (const type of ['a', 'b', 'c']) await addEvent(id, type);
    const events = (await http().get(`/api/v1/runs/${id}/events`).expect(200)).body as { id: number; type: string }[];
    expect(events.map((event) => shaped<{ type: string }>('RunEvent', event).type)).toEqual(['a', 'b', 'c']);
    const later = (await http().get(`/api/v1/runs/${id}/events?after=${String(events[0]?.id)}&limit=1`)).body;
    expect(later).toEqual([events[1]]);
  });
});

describe('the event stream of a run', () => {
  test('sends what was, then what comes, then the end, and closes', async () => {
    const { id } = await startRun();
    await addEvent(id, 'before');
    const stream = await openStream(id);
    expect(stream.response.headers['content-type']).toMatch(/^text\/event-stream/);
    await stream.until('event: before');
    await addEvent(id, 'while', { rows: 5 });
    await stream.until('event: while');
    await addEvent(id, 'last');
    await gateway.services.store.endRun(id, 'succeeded', null);
    const text = await stream.ended;
    const frames = framesOf(text);
    expect(frames.map(({ event }) => event)).toEqual(['before', 'while', 'last', 'end']);
    expect(frames[1]?.data).toMatchObject({ type: 'while', detail: { rows: 5 }, id: frames[1]?.id });
    expect(frames[3]?.data).toEqual({ state: 'succeeded', error: null });
  });

  test('goes on after the last id seen, and answers 204 when all was seen', async () => {
    const { id } = await startRun();
    for (const type of ['one', 'two', 'three']) await addEvent(id, type);
    await gateway.services.store.endRun(id, 'cancelled', null);
    const all = framesOf(await (await openStream(id)).ended);
    const rest = framesOf(await (await openStream(id, all[1]?.id)).ended);
    expect(rest.map(({ event }) => event)).toEqual(['three', 'end']);
    // The id of `end` is that of the last event: a client that has it has all.
    expect(rest.at(-1)?.id).toBe(rest[0]?.id);
    await http().get(`/api/v1/runs/${id}/stream`).set('last-event-id', String(rest.at(-1)?.id)).expect(204);
  });

  test('keeps the connection with comments while nothing happens', async () => {
    const stream = await openStream((await startRun()).id);
    await stream.until(': still here\n\n');
    stream.response.destroy();
  });

  test('sends more events than one read holds', async () => {
    const { id } = await startRun();
    for (let i = 0; i < 250; i += 1) await addEvent(id, 'step');
    await gateway.services.store.endRun(id, 'succeeded', null);
    const ids = framesOf(await (await openStream(id)).ended).slice(0, -1).map((frame) => frame.id);
    expect(ids).toHaveLength(250);
    expect(new Set(ids).size).toBe(250);
  });

  test('ends when its pipeline was removed', async () => {
    const stream = await openStream((await startRun()).id);
    await http().delete('/api/v1/pipelines/shop?confirm=shop').expect(204);
    expect(framesOf(await stream.ended).at(-1)).toMatchObject({ event: 'end', data: { state: 'removed' } });
  });

  test('ends when the application closes, and the application when it has', async () => {
    await using closing = await startGateway();
    const run = await closing.services.store.createRun({ pipeline: 'shop', reason: 'manual', tables: [] });
    const stream = await openStream(run.id, undefined, await closing.app.listen());
    await closing.app.close();
    expect(framesOf(await stream.ended)).toEqual([]);
  });

  test.each(['abc', '-1', '1.5', '9'.repeat(20)])('refuses the last id "%s"', async (last) => {
    const { id } = await startRun();
    const { body } = await http().get(`/api/v1/runs/${id}/stream`).set('last-event-id', last).expect(400);
    expect(body.code).toBe('REQUEST_INVALID');
  });

  test('is not served for an unknown run', async () => {
    await http().get('/api/v1/runs/7d3f1f5e-8a52-4b0e-9a9e-0a3f7e1f9c11/stream').expect(404);
  });

  test('answers a HEAD at once', async () => {
    await http().head(`/api/v1/runs/${(await startRun()).id}/stream`).expect(200);
  });
});

test('health says 503 with what is wrong, and metrics are text', async () => {
  const unhealthy = await startGateway({}, {
    health: {
      liveness: () => ({ live: false, loops: [{ name: 'planner', sinceMs: 90_000, allowanceMs: 60_000, live: false }] }),
      readiness: () => Promise.resolve({ ready: false, checks: [{ name: 'warehouse', ok: false, error: 'connection refused' }] }),
    },
  });
  const server = unhealthy.app.nest.getHttpServer();
  expect(shaped('Liveness', (await request(server).get('/health/live').expect(503)).body)).toMatchObject({ live: false });
  expect(shaped('Readiness', (await request(server).get('/health/ready').expect(503)).body)).toMatchObject({ ready: false });
  await unhealthy[Symbol.asyncDispose]();
  const { text, type } = await http().get('/metrics').expect(200);
  expect(type).toBe('text/plain');
  expect(text).toMatch(/^# HELP elstream_/m);
});

test('the planner lives as long as the application', async () => {
  const seen: string[] = [];
  let end: () => void = () => undefined;
  const planner = {
    run: () => new Promise<void>((resolve) => {
      seen.push('run');
      end = resolve;
    }),
    stop: () => {
      seen.push('stop');
      end();
      return Promise.resolve();
    },
  };
  const planned = await startGateway({}, { planner });
  expect(seen).toEqual(['run']);
  await planned[Symbol.asyncDispose]();
  expect(seen).toEqual(['run', 'stop']);
});

function addEvent(runId: string, type: string, detail: Record<string, unknown> = {}): Promise<void> {
  return gateway.services.store.addEvent({ runId, type, table: null, detail });
}

interface Frame {
  readonly id: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

function framesOf(text: string): Frame[] {
  return text
    .split('\n\n')
    .filter((part) => part.startsWith('id:'))
    .map((part) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? '';
      return { id: Number(field('id')), event: field('event'), data: JSON.parse(field('data')) as Record<string, unknown> };
    });
}

interface OpenStream {
  readonly response: IncomingMessage;
  /** All text, once the server has closed. */
  readonly ended: Promise<string>;
  until(part: string): Promise<void>;
}

async function openStream(id: string, last?: number, at = address): Promise<OpenStream> {
  const headers = last === undefined ? {} : { 'last-event-id': String(last) };
  const [response] = (await once(get(`${at}/api/v1/runs/${id}/stream`, { headers }), 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<string>((resolve) => response.once('end', () => resolve(text)));
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part)) await Promise.race([once(response, 'data'), ended.then(() => Promise.reject(new Error(`ended without '${part}': ${text}`)))]);
  };
  return { response, ended, until };
}
