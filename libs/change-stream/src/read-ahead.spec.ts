import { readAhead } from './read-ahead';

async function* numbers(to: number, log: string[], failAt = Infinity): AsyncGenerator<number> {
  try {
    for (let n = 1; n <= to; n += 1) {
      if (n === failAt) throw new Error(`broken at ${String(n)}`);
      log.push(`made ${String(n)}`);
      yield n;
    }
  } finally {
    log.push('closed');
  }
}

describe('reading ahead', () => {
  it('keeps the order and is one item ahead, no more', async () => {
    const log: string[] = [];
    for await (const n of readAhead(numbers(4, log), () => undefined)) {
      await Promise.resolve();
      expect(log.filter((l) => l.startsWith('made')).length).toBeLessThanOrEqual(n + 1);
      log.push(`used ${String(n)}`);
    }
    expect(log.filter((l) => l.startsWith('used'))).toEqual(['used 1', 'used 2', 'used 3', 'used 4']);
    expect(log.indexOf('made 2')).toBeLessThan(log.indexOf('used 1'));
    expect(log).toContain('closed');
  });

  it('tells a failure after the items before it', async () => {
    const used: number[] = [];
    const all = async (): Promise<void> => {
      for await (const n of readAhead(numbers(4, [], 3), () => undefined)) used.push(n);
    };
    await expect(all()).rejects.toThrow('broken at 3');
    expect(used).toEqual([1, 2]);
  });

  it('cancels and closes the source when the consumer leaves, and a later failure of it harms nobody', async () => {
    const log: string[] = [];
    for await (const n of readAhead(numbers(9, log, 2), () => log.push('cancelled'))) if (n === 1) break;
    expect(log).toEqual(['made 1', 'closed', 'cancelled']);
  });
});
