import type { RedisSettings } from '@elstream/config';
import { silentLogger } from '@elstream/core';
import type { Job, JobQueue } from '@elstream/jobs';
import { redisCommand, startRedisServer, type RedisServer } from '@elstream/servers';
import { Queue } from 'bullmq';
import { createBullMqQueue } from './index';
import { startWorkerProcess, until, type WorkerProcess } from './worker-process-client.fixture';

const LEASE_MS = 600;
const job = (taskId: string): Job => ({ queue: 'preload', taskId, pipeline: 'p' });
const backoff = { minMs: 5, maxMs: 20 };

describe('a BullMQ queue whose Redis fails', () => {
  let server: RedisServer;
  let redis: RedisSettings;
  let queue: JobQueue;
  let prefixes = 0;
  const children: WorkerProcess[] = [];

  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(async () => {
    await server.stop();
  });
  beforeEach(() => {
    prefixes += 1;
    redis = { url: server.url, sentinel: null, tlsCaFile: null, prefix: `f${String(prefixes)}` };
    queue = createBullMqQueue({ redis, logger: silentLogger, leaseMs: LEASE_MS });
  });
  afterEach(async () => {
    children.splice(0).forEach((c) => c.kill());
    await queue.close();
    if (server.pid === undefined) await server.restart();
  });

  const startChild = async (): Promise<WorkerProcess> => {
    const child = startWorkerProcess(server.url, redis.prefix, LEASE_MS);
    children.push(child);
    await until('the worker works', () => child.lines.includes('tick'));
    return child;
  };
  const count = (child: WorkerProcess, line: string): number => child.lines.filter((l) => l === line).length;
  const worksOn = async (child: WorkerProcess, label: string): Promise<void> => {
    const tasks = [`${label}-1`, `${label}-2`, `${label}-3`];
    await until('enqueued', () => queue.enqueueAll(tasks.slice(0, 2).map(job)).then(() => true, () => false));
    await queue.enqueue(job(tasks[2] ?? ''), { delayMs: 20 });
    await until(`tasks of ${label} done`, () => tasks.every((t) => child.lines.includes(`done ${t}`)));
    const ticks = count(child, 'tick');
    await until('it ticks', () => count(child, 'tick') > ticks + 2);
    expect(child.exitCode()).toBeNull();
  };
  const outages: readonly (readonly [string, () => Promise<void>])[] = [
    ['emptied', () => server.flushAll()],
    ['killed and started again empty', async () => {
      await server.kill();
      await server.restart();
    }],
    ['away for a while', async () => {
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      await server.restart();
    }],
    ['without its scripts', async () => void (await redisCommand(server.url, ['SCRIPT', 'FLUSH']))],
    ['silent for a while', async () => {
      server.suspend();
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      server.resume();
    }],
    ['out of memory for a while', async () => {
      await redisCommand(server.url, ['CONFIG', 'SET', 'maxmemory', '1']);
      await expect(queue.enqueue(job('no room'))).rejects.toMatchObject({ code: 'REDIS_BUSY', recovery: 'retry' });
      await redisCommand(server.url, ['CONFIG', 'SET', 'maxmemory', '0']);
    }],
  ];

  it.each(outages)('works on after Redis was %s, under an idle worker and one with a job in hand', async (_, outage) => {
    const child = await startChild();
    await worksOn(child, 'before');
    await queue.enqueueAll([job('hold'), job('hold too')]);
    await until('jobs in hand', () => child.lines.includes('took hold') && child.lines.includes('took hold too'));
    await outage();
    await worksOn(child, 'after');
    child.say('release');
    await until('released', () => child.lines.includes('done hold') && child.lines.includes('done hold too'));
    await worksOn(child, 'later');
    child.say('health');
    await until('healthy', () => child.lines.includes('healthy true'));
    child.say('close');
    await until('closed', () => child.exitCode() !== null);
    expect(child.exitCode()).toBe(0);
    expect(child.lines.filter((l) => l.startsWith('log warn') || l.startsWith('log error')).length).toBeLessThanOrEqual(8);
  });

  it('gives the job of a worker that was stopped to another, and the stopped one works on when it continues', async () => {
    const child = await startChild();
    await queue.enqueue(job('hold'));
    await until('in hand', () => child.lines.includes('took hold'));
    child.signal('SIGSTOP');
    const taken: string[] = [];
    const worker = queue.work('preload', { concurrency: 1, backoff }, async (j) => void taken.push(j.taskId));
    await until('another has it', () => taken.includes('hold'));
    await worker.close();
    child.signal('SIGCONT');
    child.say('release');
    await until('released', () => child.lines.includes('done hold'));
    await worksOn(child, 'after');
  });

  it('hands a job on any number of times when one worker after the other dies with it', async () => {
    for (let i = 0; i < 3; i += 1) {
      const child = await startChild();
      if (i === 0) await queue.enqueue(job('hold'));
      await until('in hand', () => child.lines.includes('took hold'));
      child.kill();
    }
    let done = false;
    queue.work('preload', { concurrency: 1, backoff }, async () => void (done = true));
    await until('done at last', () => done);
  });

  it('fails what is asked within seconds while Redis is away, and at once when it has been away for long', async () => {
    await queue.enqueue(job('a'));
    await server.kill();
    const away = { code: 'REDIS_AWAY', recovery: 'retry' };
    const patience = Date.now() + 15_000;
    await expect(queue.enqueue(job('b'))).rejects.toMatchObject(away);
    await expect(queue.enqueueAll([job('b'), job('c')])).rejects.toMatchObject(away);
    await expect(queue.counts()).rejects.toMatchObject(away);
    expect(Date.now()).toBeLessThan(patience);
  });

  it('starts workers while Redis is away: they work when it comes', async () => {
    await server.kill();
    const late = createBullMqQueue({ redis, logger: silentLogger, leaseMs: LEASE_MS });
    const seen: string[] = [];
    const worker = late.work('preload', { concurrency: 2, backoff }, async (j) => void seen.push(j.taskId));
    late.repeat('r', 10, async () => void seen.push('tick'));
    await expect(late.enqueue(job('lost'))).rejects.toMatchObject({ recovery: 'retry' });
    expect(worker.healthy()).toBe(true);
    await server.restart();
    await until('enqueued', () => late.enqueue(job('t')).then(() => true, () => false));
    await until('worked and ticked', () => seen.includes('t') && seen.includes('tick'));
    await late.close();
  });

  it.each([
    ['away', () => server.kill(), async () => undefined],
    ['silent', async () => server.suspend(), async () => server.resume()],
  ])('closes while Redis is %s, once the job in hand has ended', async (_, outage, heal) => {
    let ended = false;
    let taken = false;
    queue.work('preload', { concurrency: 2, backoff }, async (_job, signal) => {
      taken = true;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      ended = true;
    });
    queue.work('validate', { concurrency: 1, backoff }, async () => undefined);
    queue.repeat('r', 600_000, async () => undefined);
    await queue.enqueue(job('t'));
    await until('in hand', () => taken);
    await outage();
    const patience = Date.now() + 9_000;
    await queue.close();
    expect(ended).toBe(true);
    expect(Date.now()).toBeLessThan(patience);
    await heal();
  });

  it('drops a job that another program wrote, and works on', async () => {
    const other = new Queue('preload', { connection: { url: server.url }, prefix: redis.prefix });
    await other.add('x', { some: 'thing' });
    await other.close();
    await queue.enqueue(job('t'));
    const seen: string[] = [];
    queue.work('preload', { concurrency: 1, backoff }, async (j) => void seen.push(j.taskId));
    await until('ours worked', () => seen.length > 0);
    expect(seen).toEqual(['t']);
  });
});
