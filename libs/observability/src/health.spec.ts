import { HealthRegistry } from './index';

describe('HealthRegistry', () => {
  it('is live while every loop is touched within its allowance', () => {
    let now = 0;
    const health = new HealthRegistry({ clock: () => now });
    expect(health.liveness().live).toBe(true);
    health.touch('stream', 1000);
    health.touch('queue', 5000);
    now = 1000;
    expect(health.liveness().live).toBe(true);
    now = 1001;
    expect(health.liveness()).toMatchObject({ live: false, loops: [{ name: 'stream', live: false, sinceMs: 1001 }, { name: 'queue', live: true }] });
    health.touch('stream');
    expect(health.liveness(2001).live).toBe(true);
    expect(health.liveness(2002).live).toBe(false);
    health.forget('stream');
    expect(health.liveness(2002).live).toBe(true);
  });

  it('is ready when every check passes, and names those that do not without their credentials', async () => {
    const health = new HealthRegistry({ checkTimeoutMs: 10 });
    health.addCheck('warehouse', async () => undefined);
    expect(await health.readiness()).toEqual({ ready: true, checks: [{ name: 'warehouse', ok: true, error: null }] });
    const remove = health.addCheck('source', async () => {
      throw new Error('postgres://a:hunter2@db is down');
    });
    health.addCheck('queue', () => new Promise(() => undefined));
    expect(await health.readiness()).toEqual({
      ready: false,
      checks: [
        { name: 'warehouse', ok: true, error: null },
        { name: 'source', ok: false, error: 'postgres://a:[redacted]@db is down' },
        { name: 'queue', ok: false, error: 'no answer within 10 ms' },
      ],
    });
    remove();
    expect((await health.readiness()).checks.map((c) => c.name)).toEqual(['warehouse', 'queue']);
  });
});
