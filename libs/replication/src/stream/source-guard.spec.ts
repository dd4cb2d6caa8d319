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
async function interrupted(state: { next: number; confirmed: number }, atLook: () => void): Promise<{ readonly interrupts: number; readonly retained: number }> {
  let [looks, interrupts, retained] = [0, 0, 0];
  const status = async (checkpoints: readonly Checkpoint[]) => {
    looks += 1;
    atLook();
    return { ...READY, gap: checkpoints.some(({ next }) => at(state.confirmed).compare(next) > 0) ? 'somebody else read' : null, retainedBytes: 7 };
  };
  const pipeline = {
    name: 'p',
    settings: { counterIntervalMs: 60_000, walLimitBytes: 0, walPolicy: 'drop' },
    warehouse: { readCheckpoints: async (): Promise<Checkpoint[]> => [{ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: at(state.next), highest: null, counter: null }] },
    stream: async () => ({ status, revive: async () => undefined }),
  } as unknown as PipelineHandle;
  const observer = { ...silentObserver, retainedLog: () => void (retained += 1) };
  const deps = { store: { readPipeline: async () => ({ paused: false }) }, observer, logger: silentLogger, clock: () => 0 } as unknown as ReplicationDeps;
  const stream = { reading: true, interrupt: () => void (interrupts += 1) } as unknown as PipelineStream;
  const guard = new SourceGuard(deps, pipeline, stream, { guardMs: 1, graceMs: 1_000 });
  const running = guard.run();
  while (looks < 3) await sleep(1);
  await guard.stop();
  await running;
  return { interrupts, retained };
}

describe('the guard of a stream that reads', () => {
  it('leaves it alone where a batch was acknowledged between its looks at checkpoint and slot, and looks after the log all the same', async () => {
    const state = { next: 100, confirmed: 100 };
    const { interrupts, retained } = await interrupted(state, () => void (state.confirmed = state.next += 10));
    expect(interrupts).toBe(0);
    expect(retained).toBeGreaterThanOrEqual(3);
  });

  it('interrupts it where the slot stands above a checkpoint that stands still', async () => {
    expect((await interrupted({ next: 100, confirmed: 120 }, () => undefined)).interrupts).toBeGreaterThanOrEqual(3);
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
      stream: async () => ({ status, revive: async () => undefined }),
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
