import { Writable } from 'node:stream';
import { createLogger, throttled, type LoggerOptions } from './index';

function capture(options: LoggerOptions = {}) {
  let written = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written += chunk.toString('utf8');
      done();
    },
  });
  const logger = createLogger({ ...options, stream });
  const text = (): string => written;
  const lines = (): Record<string, unknown>[] =>
    text()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, text, lines };
}

describe('createLogger', () => {
  it('writes one JSON object per line with level, time, context and message', () => {
    const { logger, lines } = capture({ fields: { service: 'streamer' } });
    logger.child({ pipeline: 'p', table: 'public.t' }).info({ ms: 12, rows: 3 }, 'batch applied');
    const [line] = lines();
    expect(line).toMatchObject({ level: 'info', service: 'streamer', pipeline: 'p', table: 'public.t', ms: 12, rows: 3, msg: 'batch applied' });
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('drops lines below its level, children included', () => {
    const { logger, lines } = capture({ level: 'warn' });
    logger.info({}, 'a');
    logger.child({ x: 1 }).debug({}, 'b');
    logger.warn({}, 'c');
    logger.error({}, 'd');
    expect(lines().map((l) => l['msg'])).toEqual(['c', 'd']);
  });

  it.each([
    ['a field named like a secret', { password: 'hunter2', maskSecret: 'hunter2', API_TOKEN: 'hunter2' }, 'x'],
    ['a URL in a field', { url: 'postgres://app:hunter2@db:5432/shop' }, 'x'],
    ['a URL in the message', {}, 'connect to postgres://app:hunter2@db/shop failed'],
    ['a password with an @', { url: 'postgres://app:hunter2@hunter2@db/shop' }, 'x'],
    ['a connection string parameter', {}, "host=db password='hunter2 hunter2' user=app"],
    ['a URL parameter', { detail: 'postgres://db/shop?user=a&password=hunter2&x=1' }, 'x'],
  ])('hides the secret in %s', (_name, fields, message) => {
    const { logger, text } = capture({ level: 'debug' });
    logger.child(fields).debug(fields, message);
    const written = text();
    expect(written).not.toContain('hunter2');
    expect(written).toContain('[redacted]');
  });

  it('keeps what is no secret', () => {
    const { logger, lines } = capture();
    logger.info({ url: 'postgres://app@db:5432/shop?sslmode=require', passed: '0/1', tokens: null }, 'a=b at 10:12');
    expect(lines()[0]).toMatchObject({ url: 'postgres://app@db:5432/shop?sslmode=require', passed: '0/1', msg: 'a=b at 10:12' });
  });
});

describe('throttled', () => {
  it('says the same thing once per interval and counts what it held back', () => {
    const { logger, lines } = capture();
    let now = 0;
    const quiet = throttled(logger, 1000, () => now);
    for (now = 0; now < 1000; now += 100) quiet.warn({ attempt: now }, 'source is down');
    quiet.warn({}, 'warehouse is down');
    quiet.child({ table: 'a' }).warn({}, 'source is down');
    now = 1000;
    quiet.warn({ attempt: 11 }, 'source is down');
    expect(lines().map((l) => [l['msg'], l['table'], l['repeats']])).toEqual([
      ['source is down', undefined, undefined],
      ['warehouse is down', undefined, undefined],
      ['source is down', 'a', undefined],
      ['source is down', undefined, 9],
    ]);
  });

  it('forgets the oldest when too many different things are said', () => {
    const { logger, lines } = capture();
    const quiet = throttled(logger, 1000, () => 0);
    for (let i = 0; i < 300; i += 1) quiet.info({}, `thing ${i}`);
    quiet.info({}, 'thing 0');
    quiet.info({}, 'thing 299');
    expect(lines()).toHaveLength(301);
  });
});
