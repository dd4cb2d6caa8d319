import { backoffMs, sleep, systemClock } from './lifecycle';

describe('sleep', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends when its time is over, not before', async () => {
    const ended = jest.fn();
    const waiting = sleep(1000).then(ended);
    await jest.advanceTimersByTimeAsync(999);
    expect(ended).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalled();
    await waiting;
  });

  it('ends at once, without throwing and without a timer left, when its signal aborts', async () => {
    const abort = new AbortController();
    const waiting = sleep(3_600_000, abort.signal);
    expect(jest.getTimerCount()).toBe(1);
    abort.abort();
    await waiting;
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not begin when its signal has aborted already', async () => {
    await sleep(3_600_000, AbortSignal.abort());
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes its listener off the signal, so that a long-lived signal gathers none', async () => {
    const abort = new AbortController();
    const remove = jest.spyOn(abort.signal, 'removeEventListener');
    const waiting = sleep(10, abort.signal);
    await jest.advanceTimersByTimeAsync(10);
    await waiting;
    expect(remove).toHaveBeenCalledTimes(1);
  });

  it('reads the clock in milliseconds', () => {
    jest.setSystemTime(1234);
    expect(systemClock()).toBe(1234);
  });
});

describe('back-off', () => {
  const limits = { minMs: 100, maxMs: 10_000 };

  it.each([
    [1, 50, 100],
    [2, 100, 200],
    [3, 200, 400],
    [7, 3200, 6400],
    [8, 5000, 10_000],
    [1_000_000, 5000, 10_000],
  ])('after %i failures lies between %i and %i ms', (failures, low, high) => {
    expect(backoffMs(failures, limits, () => 0)).toBe(low);
    expect(backoffMs(failures, limits, () => 1)).toBe(high);
    const jittered = backoffMs(failures, limits);
    expect(jittered).toBeGreaterThanOrEqual(low);
    expect(jittered).toBeLessThanOrEqual(high);
  });
});
