import { DIRECT_PARTITION, LogPosition, silentLogger, sleep, StreamOffset, type Checkpoint } from '@elstream/core';
import { capturingLogger } from '@elstream/testing';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import type { PipelineStream } from './pipeline-stream';
import { SourceGuard } from './source-guard';
import { READY } from './stream.fixture';

const at = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);

/** How often a stream that reads is interrupted in the first three looks at capture; `atLook` happens before each. */
async function interrupted(state: { next: number; confirmed: number }, atLook: () => void): Promise<number> {
  let [looks, interrupts, retained] = [0, 0, 0];
  const status = async (checkpoints: readonly Checkpoint[]) => {
    looks += 1;
    atLook();
    return { ...READY, gap: checkpoints.some(({ next }) => at(state.confirmed).compare(next) > 0) ? 'somebody else read' : null };
  };
  const pipeline = {
    name: 'p',
    settings: { counterIntervalMs: 60_000, walLimitBytes: 0, walPolicy: 'drop' },
    warehouse: { readCheckpoints: async (): Promise<Checkpoint[]> => [{ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: at(state.next), highest: null, counter: null }] },
    stream: async () => ({ status, retainedBytes: async () => 7, revive: async () => undefined }),
  } as unknown as PipelineHandle;
  const observer = { ...silentObserver, retainedLog: () => void (retained += 1) };
  const deps = { store: { readPipeline: async () => ({ paused: false }) }, observer, logger: silentLogger, clock: () => 0 } as unknown as ReplicationDeps;
  const stream = { reading: true, interrupt: () => void (interrupts += 1) } as unknown as PipelineStream;
  const guard = new SourceGuard(deps, pipeline, stream, { guardMs: 1, graceMs: 1_000 });
  const running = guard.run();
  while (looks < 3 || retained < 3) await sleep(1);
  await guard.stop();
  await running;
  return interrupts;
}

describe('the guard of a stream that reads', () => {
  it('leaves it alone where a batch was acknowledged between its looks at checkpoint and slot, and looks after the log all the same', async () => {
    const state = { next: 100, confirmed: 100 };
    expect(await interrupted(state, () => void (state.confirmed = state.next += 10))).toBe(0);
  });

  it('interrupts it where the slot stands above a checkpoint that stands still', async () => {
    expect(await interrupted({ next: 100, confirmed: 120 }, () => undefined)).toBeGreaterThanOrEqual(3);
  });
});

describe('the log retained at the source (R14)', () => {
  /** A source that keeps `bytes` of a limit of 1,000, or what `bytes` leaves of it when asked again, while nobody else answers: neither at the first look nor later. */
  async function guarded(bytes: number, until: (told: readonly string[]) => boolean, options: { readonly policy?: string; readonly checkpoints?: number; readonly away?: boolean; readonly status?: () => Promise<never> } = {}) {
    const told: string[] = [];
    let now = 1_000_000;
    const { policy = 'drop', checkpoints = 1, away = false, status = () => new Promise<never>(() => undefined) } = options;
    let [retained, refusals, paused] = [bytes, 1, policy === 'resume'];
    const release = async (): Promise<void> => {
      if ((refusals -= 1) >= 0) throw new Error('still read');
      retained = 0;
      told.push('dropped');
    };
    const pipeline = {
      name: 'p',
      settings: { counterIntervalMs: 60_000, walLimitBytes: 1_000, walPolicy: policy },
      warehouse: { readCheckpoints: async (): Promise<Checkpoint[]> => Array.from({ length: checkpoints }, () => ({ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: at(1), highest: null, counter: null })) },
      stream: async () => ({ status, retainedBytes: async () => retained, release, revive: async () => undefined }),
    } as unknown as PipelineHandle;
    const readPipeline = async () => {
      if (!away) return { paused };
      now += 400;
      throw new Error('the warehouse is away');
    };
    const store = { readPipeline, setGap: async (_: string, reason: string) => void told.push(reason), setPaused: async (_: string, now: boolean) => void (told.push('resumed'), (paused = now)) };
    const observer = { ...silentObserver, retainedLog: (_: string, now: number) => void told.push(`keeps ${String(now)}`) };
    const logger = capturingLogger();
    const deps = { store, observer, logger, bus: { publish: async () => undefined }, clock: () => now } as unknown as ReplicationDeps;
    const guard = new SourceGuard(deps, pipeline, { reading: true, interrupt: () => void told.push('interrupted') } as unknown as PipelineStream, { guardMs: 1, graceMs: 1_000 });
    void guard.run();
    while (!until(told)) await sleep(1);
    // Not awaited: a look that hangs.
    void guard.stop();
    return { told, warned: logger.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message) };
  }
  const GAP = expect.stringContaining('the log retained at the source (1000 bytes) reached the limit of 1000 bytes') as string;

  it.each([
    ['hang', { status: () => new Promise<never>(() => undefined) }],
    ['are away', { status: () => Promise.reject(new Error('no answer')) }],
    ['are not asked yet, as before the first checkpoint', { checkpoints: 0 }],
  ])('at its limit has the slot dropped and a gap declared, tried until it is, while Connect and brokers %s', async (_, options) => {
    const { told, warned } = await guarded(1_000, (all) => all.at(-1) === 'keeps 0', options);
    expect(told).toEqual(['keeps 1000', GAP, 'interrupted', 'keeps 1000', GAP, 'interrupted', 'dropped', 'keeps 0']);
    expect(warned).toContain('the slot could not be dropped: the source goes on keeping its log, and it is tried again');
  });

  it.each(['drop', 'resume'])('at its limit has the slot dropped while the warehouse is away too, policy %s, once the stream has had its time', async (policy) => {
    const { told, warned } = await guarded(1_000, (all) => all.at(-1) === 'keeps 0', { policy, away: true });
    expect(told.filter((one) => one !== 'keeps 1000')).toEqual(['interrupted', 'interrupted', 'dropped', 'keeps 0']);
    expect(told.indexOf('interrupted')).toBeGreaterThan(1);
    expect(warned).toContain('log retained at the source is at its limit while the warehouse cannot be reached: the slot is dropped; the log gap is declared when the warehouse is back');
  });

  it('is told above half of the limit', async () => {
    const { told, warned } = await guarded(500, (all) => all.length === 2);
    expect(told).toEqual(['keeps 500', 'keeps 500']);
    expect(warned).toEqual(['log retained at the source is above half of its limit']);
  });

  it('lifts a pause at the limit, by policy', async () => {
    const { told } = await guarded(1_000, (all) => all.length === 3, { policy: 'resume' });
    expect(told).toEqual(['keeps 1000', 'resumed', 'keeps 1000']);
  });
});

describe('looks that fail', () => {
  it('are trouble once they have failed for a minute, said once, until one succeeds', async () => {
    let [now, looks] = [0, 0];
    const told: (string | null)[] = [];
    const logger = capturingLogger();
    const status = async () => {
      looks += 1;
      now += 25_000;
      if (looks <= 5) throw new Error('no answer');
      return READY;
    };
    const pipeline = {
      name: 'p',
      settings: { counterIntervalMs: 60_000, walLimitBytes: 0, walPolicy: 'drop' },
      warehouse: { readCheckpoints: async (): Promise<Checkpoint[]> => [{ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: at(1), highest: null, counter: null }] },
      stream: async () => ({ status, retainedBytes: async () => 0, revive: async () => undefined }),
    } as unknown as PipelineHandle;
    const observer = { ...silentObserver, captureTrouble: (_: string, trouble: string | null) => void told.push(trouble) };
    const deps = { store: { readPipeline: async () => ({ paused: false }) }, observer, logger, clock: () => now } as unknown as ReplicationDeps;
    const guard = new SourceGuard(deps, pipeline, { reading: true } as unknown as PipelineStream, { guardMs: 1, graceMs: 1_000 });
    const running = guard.run();
    while (looks < 7) await sleep(1);
    await guard.stop();
    await running;
    const trouble = 'capture could not be looked after for a minute or more: no answer';
    expect(told.slice(0, 4)).toEqual([trouble, trouble, trouble, null]);
    expect(logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['trouble'])).toEqual([trouble]);
    expect(logger.lines.filter(({ level }) => level === 'info').map(({ message }) => message)).toEqual(['capture at the source runs again']);
  });
});
