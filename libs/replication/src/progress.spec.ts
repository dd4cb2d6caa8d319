import { Progress } from './progress';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('a piece of work', () => {
  it('hangs once it has not moved for longer than any statement with a limit', () => {
    let now = 0;
    const progress = new Progress(() => now);
    now = 10 * MINUTE;
    expect(progress.hangs).toBe(false);
    now += 1;
    expect(progress.hangs).toBe(true);
    progress.moved();
    expect(progress.hangs).toBe(false);
  });

  it('does not while a statement as large as a table runs, but for ever neither, and again once that has ended', async () => {
    let now = 0;
    const progress = new Progress(() => now);
    for (const end of [() => 'done', () => { throw new Error('refused'); }]) {
      let letGo: () => void = () => undefined;
      const step = progress.longStep(async () => {
        await new Promise<void>((resolve) => (letGo = resolve));
        return end();
      });
      now += 23 * HOUR;
      expect(progress.hangs).toBe(false);
      now += 2 * HOUR;
      expect(progress.hangs).toBe(true);
      letGo();
      await step.catch(() => undefined);
      expect(progress.hangs).toBe(false);
      now += 11 * MINUTE;
      expect(progress.hangs).toBe(true);
    }
  });
});
