import { eventually } from './eventually';

describe('eventually', () => {
  it('returns what the probe returned once it neither throws nor is false', async () => {
    let n = 0;
    const probe = (): number => {
      n += 1;
      if (n < 3) throw new Error('too early');
      return n;
    };
    expect(await eventually(probe, { intervalMs: 1 })).toBe(3);
    let calls = 0;
    expect(await eventually(() => (calls += 1) > 2 && 'done', { intervalMs: 1 })).toBe('done');
  });

  it.each([
    ['the last error', () => Promise.reject(new Error('still 3 rows')), /the table fills: not within 20 ms; last: still 3 rows/],
    ['that it was false', () => false, /the table fills: not within 20 ms; last: it returned false/],
  ])('names what was waited for and %s', async (_, probe, message) => {
    await expect(eventually<unknown>(probe, { timeoutMs: 20, intervalMs: 1, describe: 'the table fills' })).rejects.toThrow(message);
  });

  it('ends at once with the failure of what must not fail, even while a probe hangs', async () => {
    const failing = Promise.reject(new Error('the service died'));
    await expect(eventually(() => false, { unlessFails: failing })).rejects.toThrow('the service died');
    await expect(eventually(() => new Promise(() => undefined), { unlessFails: failing })).rejects.toThrow('the service died');
  });
});
