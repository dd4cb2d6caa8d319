import type { CaptureStatus, StreamStart } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import { DIRECT_PARTITION, ElstreamError, LogPosition, StreamOffset, type Checkpoint } from '@elstream/core';
import type { GapDeclaration } from '@elstream/warehouse';
import { TABLE } from '../compare/sides.fixture';
import { READY } from '../stream/stream.fixture';
import { prepare } from './prepare';
import { doneBy, runOf, taskContext } from './tasks.fixture';
import type { TaskContext } from './task-context';

const at = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
const identity = { system: '1', fork: '1' };
const ALL = [TABLE.id, 'public.other'];

class Crash extends Error {}

/** Source, slot, checkpoint and control tables that outlive a try; `atLook` happens between the look at the checkpoint and the one at the slot. */
function world(atLook: (look: number) => void = () => undefined, partition = DIRECT_PARTITION) {
  const state = {
    next: 100,
    generation: 1,
    confirmed: 100,
    looks: 0,
    /** Capture is found gone once, and made anew. */
    created: false,
    gapOfCapture: null as string | null,
    record: { name: 'p', paused: false, streamError: null, identity, gapReason: null } as { -readonly [K in keyof PipelineRecord]: PipelineRecord[K] },
    runTables: [TABLE.id] as readonly string[],
    writes: [] as string[],
    crashBefore: '',
    whenGapNoted: (): void => undefined,
  };
  const write = (what: string): void => {
    if (what === state.crashBefore) throw new Crash(what);
    state.writes.push(what);
  };
  const checkpoint = (): Checkpoint => ({ pipeline: 'p', partition, generation: state.generation, next: at(state.next), highest: null, counter: null });
  const status = async (): Promise<CaptureStatus> => {
    atLook((state.looks += 1));
    return { ...READY, gap: state.gapOfCapture };
  };
  const stream = {
    prepare: async (): Promise<StreamStart> => {
      const { created } = state;
      state.created = false;
      return { offsets: new Map([[partition, at(state.confirmed)]]), identity, created };
    },
    status: async (checkpoints: readonly Checkpoint[]) => {
      const found = await status();
      const next = checkpoints[0]?.next;
      return partition === DIRECT_PARTITION && next !== undefined && at(state.confirmed).compare(next) > 0 ? { ...found, gap: 'somebody else read from our replication slot' } : found;
    },
  };
  const warehouse = {
    check: async () => [],
    checkTables: async () => [],
    prepareTables: async () => undefined,
    readCheckpoints: async () => [checkpoint()],
    dropCheckpoints: async () => undefined,
    createCheckpoint: async () => checkpoint(),
    declareGap: async ({ moves }: GapDeclaration) => {
      for (const { from } of moves) {
        if (from !== undefined && (from.generation !== state.generation || !from.next.equals(at(state.next)))) throw new ElstreamError('CHECKPOINT_MOVED', 'retry', 'moved');
      }
      write('declared');
      state.generation += 1;
      state.next = Number(moves[0]?.next.splitDirect().position.toBigInt());
    },
  };
  const store = {
    readRun: async () => runOf({}, { tables: state.runTables }),
    renew: async () => true,
    registerPipeline: async () => ({ ...state.record }),
    setIdentity: async () => write('identity'),
    setGap: async (_name: string, reason: string | null) => {
      write(reason === null ? 'gap answered' : 'gap noted');
      state.record.gapReason = reason;
      if (reason !== null) state.whenGapNoted();
    },
    setRunTables: async (_run: string, tables: readonly string[]) => (write('tables'), void (state.runTables = tables)),
    setStreamError: async () => undefined,
  };
  const mappings = ALL.map((id) => ({ ...TABLE, id }));
  const found = mappings.map(({ source }) => ({ schema: { name: source }, estimatedRows: null }));
  const context = (): TaskContext => {
    const base = taskContext({ task: { table: null } });
    const source = { check: async () => [], checkHistory: async () => [], describe: async () => found };
    return {
      ...base,
      deps: { ...base.deps, store, bus: { publish: async () => undefined } } as unknown as TaskContext['deps'],
      pipeline: { ...base.pipeline, name: 'p', settings: { selection: { include: ALL, exclude: [] } }, warehouse, source: async () => source, stream: async () => stream, mappings: async () => new Map(), setMappings: async () => undefined, mapTables: () => ({ mappings, problems: [] }) } as unknown as TaskContext['pipeline'],
    };
  };
  return { state, once: () => doneBy(prepare(context())) };
}

/** The live stream: a batch committed, then acknowledged. */
function batch(state: ReturnType<typeof world>['state']): void {
  state.next += 10;
  state.confirmed = state.next;
}

describe('a preparation while the stream goes on', () => {
  it.each([1, 3])('takes what was acknowledged between its looks at checkpoint and slot for no log gap (%i times)', async (times) => {
    const { state, once } = world((look) => {
      if (look <= times) batch(state);
    });
    expect(await once()).toMatchObject({ result: { gap: null, tables: 1 } });
    expect(state).toMatchObject({ generation: 1, runTables: [TABLE.id], looks: times + 1 });
    expect(state.writes).not.toContain('gap noted');
  });

  it('begins again later, with nothing noted, where the checkpoint never stands still', async () => {
    const { state, once } = world(() => batch(state));
    await expect(once()).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED', recovery: 'retry' });
    expect(state.writes).toEqual([]);
  });

  it('believes a slot that stands above a checkpoint that stood still', async () => {
    const { state, once } = world();
    state.confirmed = 120;
    expect(await once()).toMatchObject({ result: { gap: expect.stringMatching(/somebody else read/), tables: 2 } });
    expect(state).toMatchObject({ generation: 2, next: 120, runTables: ALL });
    expect(state.writes).toEqual(['gap noted', 'declared', 'identity', 'tables', 'gap answered']);
  });

  it('sees a slot moved by somebody else after a batch of ours', async () => {
    const { state, once } = world((look) => {
      if (look > 1) return;
      batch(state);
      state.confirmed += 5;
    });
    expect(await once()).toMatchObject({ result: { gap: expect.stringMatching(/somebody else read/) } });
    expect(state.generation).toBe(2);
  });

  it('believes what capture says of itself although the partitions of topics move on', async () => {
    const { state, once } = world(() => void (state.next += 10), 'topic/0');
    state.gapOfCapture = 'the connector has no offset any more';
    expect(await once()).toMatchObject({ result: { gap: 'the connector has no offset any more', tables: 2 } });
    expect(state).toMatchObject({ generation: 2, looks: 1 });
  });

  it('does not forget a gap it will not find again, though a last batch moves the checkpoint before it is declared', async () => {
    const { state, once } = world();
    state.created = true;
    state.whenGapNoted = () => void (state.next += 10);
    await expect(once()).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED' });
    state.confirmed = state.next;
    state.whenGapNoted = () => undefined;
    expect(await once()).toMatchObject({ result: { gap: 'capture at the source was gone and has been created again' } });
    expect(state).toMatchObject({ generation: 2, runTables: ALL });
  });

  it.each(['gap noted', 'declared', 'identity', 'tables', 'gap answered'])('answers a gap after a crash before "%s" by a preload of all tables, and forgets it then', async (crashBefore) => {
    const { state, once } = world();
    state.confirmed = 120;
    state.crashBefore = crashBefore;
    await expect(once()).rejects.toThrow(Crash);
    state.crashBefore = '';
    await once();
    expect(state.generation).toBeGreaterThan(1);
    expect(state).toMatchObject({ next: 120, runTables: ALL, record: { gapReason: null } });
  });
});
