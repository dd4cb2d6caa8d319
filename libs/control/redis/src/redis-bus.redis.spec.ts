import type { RedisSettings } from '@elstream/config';
import { controlBusContract, type ControlBus } from '@elstream/control';
import { silentLogger, type Logger } from '@elstream/core';
import { closeRedis, openRedis } from '@elstream/redis';
import { startRedisServer, type RedisServer } from '@elstream/servers';
import { createRedisBus } from './index';

let server: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});

const settings = (): RedisSettings => {
  prefixes += 1;
  return { url: server.url, sentinel: null, tlsCaFile: null, prefix: `bus${String(prefixes)}` };
};

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves when so many connections are subscribed to the bus's channel. */
async function subscribed(redis: RedisSettings, least: number): Promise<void> {
  const asking = openRedis(redis, { logger: silentLogger, name: 'test' });
  await until(`${String(least)} subscribed`, async () => Number((await asking.pubsub('NUMSUB', `${redis.prefix}.control`))[1]) === least);
  await closeRedis(asking);
}

controlBusContract('the Redis bus', async () => {
  const redis = settings();
  const ends = { here: createRedisBus({ redis, logger: silentLogger }), there: createRedisBus({ redis, logger: silentLogger }) };
  await subscribed(redis, 2);
  return ends;
});

describe('the Redis bus', () => {
  let lines: string[];
  let logger: Logger;
  const open: ControlBus[] = [];
  const bus = (redis: RedisSettings): ControlBus => {
    const made = createRedisBus({ redis, logger });
    open.push(made);
    return made;
  };
  beforeEach(() => {
    lines = [];
    const log = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
    logger = { child: () => logger, debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((b) => b.close()));
    if (server.pid === undefined) await server.restart();
  });

  it('hears again by itself after Redis was killed and started again, and says once each that it was away and back', async () => {
    const redis = settings();
    const [here, there] = [bus(redis), bus(redis)];
    await subscribed(redis, 2);
    const heard: string[] = [];
    there.subscribe((m) => heard.push(m.pipeline));
    await server.kill();
    await until('noticed', () => lines.some((l) => l.includes('Redis is away')));
    for (let i = 0; i < 20; i += 1) await here.publish({ type: 'tables-changed', pipeline: 'lost' });
    await server.restart();
    await subscribed(redis, 2);
    await until('heard', async () => {
      await here.publish({ type: 'tables-changed', pipeline: 'back' });
      return heard.includes('back');
    });
    expect(lines.filter((l) => l.includes('not told')).length).toBeLessThanOrEqual(1);
    // A publisher and a subscriber at each end.
    expect(lines.filter((l) => l.includes('Redis is away')).length).toBeLessThanOrEqual(4);
    expect(lines.filter((l) => l.includes('is back')).length).toBeGreaterThanOrEqual(1);
  });

  it('starts while Redis is away: publishing gives up within seconds, hearing begins when Redis comes', async () => {
    const redis = settings();
    await server.kill();
    const here = bus(redis);
    const heard: string[] = [];
    here.subscribe((m) => heard.push(m.pipeline));
    await here.publish({ type: 'tables-changed', pipeline: 'lost' });
    await server.restart();
    await subscribed(redis, 1);
    await until('heard', async () => {
      await here.publish({ type: 'tables-changed', pipeline: 'p' });
      return heard.includes('p');
    });
  });

  it('closes while Redis is away, silent or was never there', async () => {
    const [a, b] = [bus(settings()), bus(settings())];
    server.suspend();
    await a.close();
    server.resume();
    await server.kill();
    await b.close();
    await bus(settings()).close();
  });

  it('ignores what other programs say on its channel, and says so once', async () => {
    const redis = settings();
    const here = bus(redis);
    await subscribed(redis, 1);
    const heard: string[] = [];
    here.subscribe((m) => heard.push(m.pipeline));
    const other = openRedis(redis, { logger: silentLogger, name: 'test' });
    const odd = ['', 'null', '5', '"x"', '[]', '{}', '{"id":1,"data":{}}', '{"pattern":"x","data":{"type":"run-changed","pipeline":5}}', '{"id":"1","pattern":"x"}', '\u0000\uffff', 'x'.repeat(100_000), '{"__proto__":{"a":1},"data":null}'];
    for (const text of odd) await other.publish(`${redis.prefix}.control`, text);
    await closeRedis(other);
    await here.publish({ type: 'tables-changed', pipeline: 'ours' });
    await until('ours heard', () => heard.length > 0);
    expect(heard).toEqual(['ours']);
    expect(lines.filter((l) => l.startsWith('warn'))).toEqual(['warn: a message on the control bus is none of ours and was ignored: give this installation a REDIS_PREFIX of its own']);
  });
});
