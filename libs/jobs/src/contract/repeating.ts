import { aborted, freshQueue, gate, job, quick, until, type MakeQueue } from './harness';

export function repeatingContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('ticks at once, then again and again', async () => {
    let first = 0;
    let often = 0;
    queue().repeat('seldom', 600_000, async () => {
      first += 1;
    });
    queue().repeat('often', 5, async () => {
      often += 1;
    });
    await until('many ticks', () => often >= 5);
    await until('the first tick', () => first === 1);
  });

  it('never starts a tick before the last has ended, also when it takes longer than the period', async () => {
    const door = gate();
    let now = 0;
    let most = 0;
    let others = 0;
    let ended = 0;
    queue().repeat('long', 1, async () => {
      most = Math.max(most, (now += 1));
      await door.opened;
      now -= 1;
      ended += 1;
    });
    queue().repeat('other', 5, async () => {
      others += 1;
    });
    await until('many periods passed', () => others >= 5);
    expect(most).toBe(1);
    door.open();
    await until('it goes on', () => ended >= 3);
    expect(most).toBe(1);
  });

  it('goes on after a tick that throws', async () => {
    let ticks = 0;
    queue().repeat('r', 1, async () => {
      ticks += 1;
      throw new Error('broken tick');
    });
    await until('more ticks', () => ticks >= 3);
  });
}

export function endingRepeatContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('stops when closed: the tick in hand is told, awaited and the last', async () => {
    const steps: string[] = [];
    const repeat = queue().repeat('r', 1, async (signal) => {
      steps.push('tick');
      await aborted(signal);
      steps.push('ended');
    });
    await until('a tick in hand', () => steps.length === 1);
    await repeat.close();
    steps.push('closed');
    let others = 0;
    queue().repeat('other', 1, async () => {
      others += 1;
    });
    await until('many periods passed', () => others >= 5);
    expect(steps).toEqual(['tick', 'ended', 'closed']);
  });

  it('says whether workers and repeats are still at it, also with nothing to do', async () => {
    const worker = queue().work('preload', quick(), async () => undefined);
    const repeat = queue().repeat('r', 600_000, async () => undefined);
    let done = false;
    const other = queue().work('stream', quick(), async () => {
      done = true;
      throw new Error('broken handler');
    });
    await queue().enqueue(job('t', 'stream'));
    await until('another job worked', () => done);
    expect([worker.healthy(), repeat.healthy(), other.healthy()]).toEqual([true, true, true]);
    await Promise.all([worker.close(), repeat.close()]);
    expect([worker.healthy(), repeat.healthy(), other.healthy()]).toEqual([false, false, true]);
  });

  it('never ticks twice at once under one name, and the other takes over when one is closed', async () => {
    let now = 0;
    let most = 0;
    const ticks: string[] = [];
    const tick = (who: string) => async (): Promise<void> => {
      most = Math.max(most, (now += 1));
      ticks.push(who);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
    };
    const a = queue().repeat('same', 1, tick('a'));
    queue().repeat('same', 1, tick('b'));
    await until('many ticks', () => ticks.length >= 10);
    await a.close();
    const before = ticks.length;
    await until('b ticks', () => ticks.slice(before).includes('b'));
    expect(ticks.slice(before)).not.toContain('a');
    expect(most).toBe(1);
  });
}
