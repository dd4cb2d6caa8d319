import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { ElstreamError, silentLogger, sleep, type LogFields, type Logger } from '@elstream/core';
import { diag } from '@opentelemetry/api';
import { startCollector } from './collector.fixture';
import { createTracing, VERSION, type TracingOptions } from './index';

function recorder() {
  const lines: string[] = [];
  const say = (level: string) => (fields: LogFields, message: string) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { child: () => logger, debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  return { logger, lines };
}

function tracing(options: Partial<TracingOptions> = {}) {
  return createTracing({ service: 'preloader', workerId: 'w1', logger: silentLogger, env: {}, ...options });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

afterAll(() => diag.disable());

describe('createTracing without an endpoint', () => {
  it.each<[string, Partial<TracingOptions>]>([
    ['nothing is set', {}],
    ['the settings are empty', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' } }],
    ['the caller switches it off', { endpoint: null, env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } }],
  ])('does the work and sends nothing when %s', async (_name, options) => {
    const { logger, lines } = recorder();
    const silent = tracing({ logger, ...options });
    expect(await silent.span('a', { runId: randomUUID() }, async () => 7)).toBe(7);
    await expect(silent.span('a', {}, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    await silent.shutdown();
    expect(lines).toEqual([]);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'elsewhere:4318'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'user:hunter2'],
  ])('refuses a %s that is no URL, by name and without its text', (name, value) => {
    expect(() => tracing({ env: { [name]: value } })).toThrow(expect.objectContaining({ code: 'OTLP_ENDPOINT_INVALID', recovery: 'refuse', message: expect.stringContaining(name) }));
    expect(() => tracing({ env: { [name]: value } })).not.toThrow(value);
  });
});

describe('createTracing', () => {
  it.each<[string, (url: string) => Partial<TracingOptions>, string]>([
    ['the general endpoint', (url) => ({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } }), '/v1/traces'],
    ['a general endpoint with a path', (url) => ({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/otlp/` } }), '/otlp/v1/traces'],
    ['the endpoint of traces', (url) => ({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/my/traces` } }), '/my/traces'],
    ['the endpoint given by the caller', (endpoint) => ({ endpoint, env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } }), '/v1/traces'],
  ])('sends to %s', async (_name, options, path) => {
    await using collector = await startCollector();
    const traces = tracing(options(collector.url));
    await traces.span('step', {}, async () => undefined);
    await traces.shutdown();
    expect(collector.requests.map((r) => r.url)).toEqual([path]);
  });

  it('tells service, instance, version, name, pipeline, table and counts', async () => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    await traces.span('chunk', { pipeline: 'p', table: 'public.t', rows: 12, last: true }, async () => undefined);
    await traces.shutdown();
    expect(collector.spans()).toMatchObject([
      {
        name: 'chunk',
        attributes: { 'elstream.pipeline': 'p', 'elstream.table': 'public.t', 'elstream.rows': 12, 'elstream.last': true },
        resource: { 'service.name': 'elstream-preloader', 'service.instance.id': 'w1', 'service.version': VERSION },
      },
    ]);
  });

  it('nests spans by asynchronous context, also when they run side by side', async () => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    await Promise.all(
      ['a', 'b'].map((name) =>
        traces.span(name, {}, async () => {
          await sleep(1);
          await traces.span(`${name}.child`, {}, () => traces.span(`${name}.grandchild`, {}, () => sleep(1)));
        }),
      ),
    );
    await traces.shutdown();
    const byName = new Map(collector.spans().map((s) => [s.name, s]));
    expect(byName.size).toBe(6);
    for (const name of ['a', 'b']) {
      const [root, child, grandchild] = [name, `${name}.child`, `${name}.grandchild`].map((n) => byName.get(n));
      expect(root?.parentSpanId ?? '').toBe('');
      expect(child).toMatchObject({ parentSpanId: root?.spanId, traceId: root?.traceId });
      expect(grandchild).toMatchObject({ parentSpanId: child?.spanId, traceId: root?.traceId });
    }
    expect(byName.get('a')?.traceId).not.toBe(byName.get('b')?.traceId);
  });

  it('puts the steps of one run, taken in two processes, into the trace named by its run id', async () => {
    await using collector = await startCollector();
    const runId = randomUUID();
    const processes = ['preloader', 'validator'].map((service) => tracing({ endpoint: collector.url, service }));
    for (const traces of processes) {
      await traces.span('task', { runId }, () => traces.span('step', { runId }, async () => undefined));
      await traces.shutdown();
    }
    const spans = collector.spans();
    expect(new Set(spans.map((s) => s.traceId))).toEqual(new Set([runId.replaceAll('-', '')]));
    const tasks = spans.filter((s) => s.name === 'task');
    expect(new Set(tasks.map((s) => s.parentSpanId))).toEqual(new Set([runId.replaceAll('-', '').slice(16)]));
    for (const step of spans.filter((s) => s.name === 'step')) {
      expect(tasks.map((s) => s.spanId)).toContain(step.parentSpanId);
    }
    expect(spans.every((s) => s.attributes['elstream.runId'] === runId)).toBe(true);
  });

  it('begins a run inside another span in the trace of the run, linked to that span', async () => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    const runId = randomUUID();
    await traces.span('look', {}, () => traces.span('plan', { runId }, async () => undefined));
    await traces.shutdown();
    const [look, plan] = ['look', 'plan'].map((name) => collector.spans().find((s) => s.name === name));
    expect(plan?.traceId).toBe(runId.replaceAll('-', ''));
    expect(plan?.links).toEqual([expect.objectContaining({ traceId: look?.traceId, spanId: look?.spanId })]);
  });

  it.each(['r1', '', '00000000-0000-0000-0000-000000000000'])('keeps a run id that makes no trace id as an attribute only: %p', async (runId) => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    await traces.span('task', { runId }, async () => undefined);
    await traces.shutdown();
    expect(collector.spans()).toMatchObject([{ traceId: expect.stringMatching(/^(?!0{32})[0-9a-f]{32}$/), attributes: { 'elstream.runId': runId } }]);
  });

  const cause = new Error('key (id)=(4711) is there already');
  it.each<[string, unknown, { code?: number; message?: string }, Record<string, unknown>]>([
    ['one of ours with code, class and message', new ElstreamError('SOURCE_DOWN', 'retry', 'the source is down', { cause, place: { key: 'id=4711' } }), { code: 2, message: 'the source is down' }, { 'error.type': 'SOURCE_DOWN', 'elstream.recovery': 'retry' }],
    ['work lost to another process as no fault', new ElstreamError('CLAIM_LOST', 'lost', 'another has it'), {}, { 'error.type': 'CLAIM_LOST', 'elstream.recovery': 'lost' }],
    ['a foreign one by its type alone', Object.assign(new Error('id 4711'), { name: 'QueryFailedError' }), { code: 2, message: 'QueryFailedError' }, { 'error.type': 'QueryFailedError' }],
    ['a foreign one whose name says too much', Object.assign(new Error('x'), { name: 'row 4711' }), { code: 2, message: 'Error' }, { 'error.type': 'Error' }],
    ['a thrown text by its type alone', 'id 4711', { code: 2, message: 'string' }, { 'error.type': 'string' }],
  ])('notes an error and throws it on: %s', async (_name, error, status, attributes) => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    await expect(traces.span('task', {}, () => Promise.reject(error))).rejects.toBe(error);
    await traces.shutdown();
    const [span] = collector.spans();
    expect(span?.attributes).toEqual(attributes);
    expect({ ...span?.status, code: span?.status.code ?? 0 }).toEqual({ code: 0, ...status });
    expect(collector.requests[0]?.text).not.toContain('4711');
  });

  it('notes an error thrown before the first promise', async () => {
    await using collector = await startCollector();
    const traces = tracing({ endpoint: collector.url });
    const work = (): Promise<void> => {
      throw new TypeError('x');
    };
    await expect(traces.span('task', {}, work)).rejects.toThrow(TypeError);
    await traces.shutdown();
    expect(collector.spans()).toMatchObject([{ status: { code: 2, message: 'TypeError' } }]);
  });

  it('sends the headers of the environment and shows their values nowhere', async () => {
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2x,x-team=swordfish' };
    Object.assign(process.env, headers);
    try {
      await using collector = await startCollector(() => 401);
      const { logger, lines } = recorder();
      const traces = tracing({ endpoint: collector.url, logger, env: process.env });
      await traces.span('task', {}, async () => undefined);
      diag.warn('refused headers: Bearer hunter2x, Bearer%20hunter2x, swordfish');
      await traces.shutdown();
      expect(collector.requests[0]?.headers).toMatchObject({ authorization: 'Bearer hunter2x', 'x-team': 'swordfish' });
      expect(lines).toEqual([expect.stringContaining('refused headers'), expect.stringMatching(/^warn traces do not reach .*"error":"401 /)]);
      expect(lines.join()).not.toMatch(/hunter2x|swordfish/);
    } finally {
      delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
    }
  });
});

describe('a collector that is away', () => {
  it('costs no work, is said once, and is told when it is back', async () => {
    let status = 400;
    await using collector = await startCollector(() => status);
    const { logger, lines } = recorder();
    const traces = tracing({ endpoint: collector.url, logger, flushEveryMs: 5 });
    for (let sent = 1; sent <= 3; sent += 1) {
      expect(await traces.span('task', {}, async () => sent)).toBe(sent);
      await until(() => collector.requests.length >= sent);
    }
    await until(() => lines.length > 0);
    status = 200;
    await traces.span('task', {}, async () => undefined);
    await until(() => lines.length > 1);
    await traces.shutdown();
    expect(lines).toEqual([expect.stringMatching(/^warn traces do not reach the collector/), expect.stringMatching(/^info traces reach the collector again .*"lostSpans":3/)]);
  });

  it('keeps a bounded number of spans and drops the others', async () => {
    await using collector = await startCollector(() => null);
    const traces = tracing({ endpoint: collector.url, exportTimeoutMs: 200 });
    await Promise.all(Array.from({ length: 10_000 }, () => traces.span('task', {}, async () => undefined)));
    await traces.shutdown();
    expect(collector.spans().length).toBeLessThanOrEqual(2048 + 512);
  });

  it.each([
    ['refuses connections', async () => ({ url: await closedPort(), [Symbol.asyncDispose]: async () => undefined })],
    ['never answers', () => startCollector(() => null)],
  ])('holds no shutdown up for more than its 2 s when it %s', async (_name, start) => {
    await using collector = await start();
    const traces = tracing({ endpoint: collector.url, exportTimeoutMs: 4_000 });
    await traces.span('task', {}, async () => undefined);
    const begun = Date.now();
    await Promise.all([traces.shutdown(), traces.shutdown()]);
    // Its bound is 2 s; what is asserted is that it is a bound, and not the exporter's own patience.
    expect(Date.now() - begun).toBeLessThan(3_500);
    expect(await traces.span('later', {}, async () => 1)).toBe(1);
  });
});

async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${String(port)}`;
}
