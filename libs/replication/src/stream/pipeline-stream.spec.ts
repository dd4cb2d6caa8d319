import { consumeDirect, type ChangeStream } from '@elstream/change-stream';
import type { ControlStore, PipelineRecord } from '@elstream/control';
import { DIRECT_PARTITION, ElstreamError, LogPosition, silentTracer, sleep, StreamOffset, type Checkpoint, type EventBatch } from '@elstream/core';
import { capturingLogger } from '@elstream/testing';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import type { ApplyBatch } from './apply-batch';
import { PipelineStream, type StreamOptions } from './pipeline-stream';
import { READY } from './stream.fixture';

const offset = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
const identity = { system: '1', fork: '1' };

/** Control tables, warehouse and capture as a stream sees them; `read` is the test's. */
function world(read: (from: StreamOffset, turn: number, opened: () => void) => void, options: Partial<StreamOptions> = {}, consume?: ChangeStream['consume']) {
  const state = { partition: DIRECT_PARTITION, checkpoint: 100, confirmed: 100, gapOfCapture: null as string | null, atLook: (): void => undefined, turns: 0, active: [] as boolean[], alive: 0, now: null as number | null, refused: null as ElstreamError | null, record: { name: 'shop', paused: false, streamError: null, identity, gapReason: null } as { -readonly [K in keyof PipelineRecord]: PipelineRecord[K] } };
  const stream: Partial<ChangeStream> = {
    status: (checkpoints) => {
      state.atLook();
      const above = state.partition === DIRECT_PARTITION && checkpoints.some(({ next }) => offset(state.confirmed).compare(next) > 0);
      return Promise.resolve({ ...READY, gap: above ? 'somebody else read from our replication slot' : state.gapOfCapture });
    },
    consume: (options) =>
      consume?.(options) ??
      consumeDirect(
        {
          read: async function* ({ from, signal, opened }) {
            state.turns += 1;
            read(from, state.turns, () => opened?.());
            await sleep(60_000, signal);
            yield* [];
          },
          acknowledge: () => undefined,
        },
        options,
      ),
  };
  const store: Partial<ControlStore> = {
    readPipeline: () => Promise.resolve({ ...state.record }),
    readRuns: () => Promise.resolve([]),
    setStreamError: (_name, error) => Promise.resolve(void (state.record.streamError = error)),
    setGap: (_name, reason) => Promise.resolve(void (state.record.gapReason = reason)),
  };
  const checkpoint = (): Checkpoint => ({ pipeline: 'shop', partition: state.partition, generation: 1, next: offset(state.checkpoint), highest: null, counter: 7n });
  const mappings = new Map();
  const pipeline = {
    name: 'shop',
    warehouse: { readCheckpoint: () => Promise.resolve(checkpoint()), readCheckpoints: () => Promise.resolve([checkpoint()]) },
    source: () => Promise.resolve({ identity: () => Promise.resolve(identity) }),
    stream: () => (state.refused === null ? Promise.resolve(stream) : Promise.reject(state.refused)),
    mappings: () => Promise.resolve(mappings),
  } as unknown as PipelineHandle;
  const logger = capturingLogger();
  const observer = { ...silentObserver, streamActive: (_pipeline: string, active: boolean) => void state.active.push(active), alive: () => void (state.alive += 1) };
  const deps = { store, logger, observer, tracer: silentTracer, clock: () => state.now ?? Date.now() } as unknown as ReplicationDeps;
  return { state, logger, service: new PipelineStream(deps, pipeline, { pollMs: 1, backoff: { minMs: 1, maxMs: 2 }, standbyMs: 1, apply: () => Promise.resolve(null), retryHalted: false, ...options }) };
}

async function runsUntil(service: PipelineStream, condition: () => boolean): Promise<void> {
  const running = service.run();
  while (!condition()) await sleep(1);
  await service.stop();
  await running;
}

describe('a stream whose reader finds the log gone above the checkpoint it was given', () => {
  it.each(['STREAM_LOG_GAP', 'STREAM_SLOT_LOST'])('goes on where another process has moved the checkpoint meanwhile (%s)', async (code) => {
    const read: number[] = [];
    const { state, service } = world((from, turn) => {
      read.push(Number(from.splitDirect().position.toBigInt()));
      if (turn > 1) return;
      // The last batch of a process that was taken for dead: committed and acknowledged after our look.
      [state.checkpoint, state.confirmed] = [120, 120];
      throw new ElstreamError(code, 'stop', 'the log begins above');
    });
    await runsUntil(service, () => state.turns === 2);
    expect(read).toEqual([100, 120]);
    expect(state.record).toMatchObject({ streamError: null, gapReason: null });
  });

  it('declares a log gap where nobody moved the checkpoint, instead of waiting for a person', async () => {
    const { state, service } = world(() => {
      state.confirmed = 120;
      throw new ElstreamError('STREAM_LOG_GAP', 'stop', 'the log begins above');
    });
    await runsUntil(service, () => state.record.gapReason !== null);
    expect(state.record.gapReason).toMatch(/somebody else read from our replication slot/);
    expect(state.record.streamError).toBeNull();
  });

  it.each([
    ['takes a slot acknowledged since the look at the checkpoint for no gap', DIRECT_PARTITION, null],
    ['declares what capture says of itself, although other processes move the partitions of topics on all the while', 'topic/0', 'the connector has no offset'],
  ])('%s', async (_name, partition, expected) => {
    const { state, service } = world(() => undefined);
    state.partition = partition;
    state.gapOfCapture = expected;
    state.atLook = () => void (state.confirmed = state.checkpoint += 10);
    await runsUntil(service, () => state.turns > 0 || state.record.gapReason !== null);
    expect(state.record.gapReason).toBe(expected);
  });

  it('still stops for a person at any other permanent error', async () => {
    const { state, service } = world(() => {
      throw new ElstreamError('EVENT_UNREADABLE', 'stop', 'cannot be decoded');
    });
    await runsUntil(service, () => state.record.streamError !== null);
    expect(state.record.streamError).toMatch(/cannot be decoded/);
    expect(state.turns).toBe(1);
  });

  it('stops for a person where what it reads from does not let it in, says so in its status, and goes on once resumed', async () => {
    const { state, logger, service } = world(() => undefined);
    state.refused = new ElstreamError('KAFKA_PASSWORD', 'stop', 'Kafka: connect to one:9093: no such user; check stream.sasl.password', { place: { setting: 'stream.sasl' } });
    const running = service.run();
    while (state.record.streamError === null) await sleep(1);
    expect(state.record.streamError).toBe('Kafka: connect to one:9093: no such user; check stream.sasl.password (setting stream.sasl)');
    state.refused = null;
    state.record.streamError = null;
    while (state.turns === 0) await sleep(1);
    await service.stop();
    await running;
    expect(logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([expect.stringMatching(/^stream stopped: a person must act/)]);
  });
});

describe('a stream that another process reads', () => {
  it('stands by, says so once, and takes over when it is free', async () => {
    const { state, logger, service } = world((_from, turn, opened) => {
      if (turn <= 5) throw new ElstreamError('STREAM_BUSY', 'retry', 'read by another');
      opened();
    });
    await runsUntil(service, () => state.active.includes(true));
    expect(state.turns).toBe(6);
    expect(logger.lines.filter((l) => l.message.includes('stands by'))).toHaveLength(1);
    expect(state.active.filter(Boolean)).toHaveLength(1);
    expect(state.active.at(-1)).toBe(false);
  });

  it('looks as often after many looks as at first', async () => {
    const { state, service } = world(
      () => {
        throw new ElstreamError('STREAM_BUSY', 'retry', 'read by another');
      },
      { backoff: { minMs: 60_000, maxMs: 60_000 } },
    );
    await runsUntil(service, () => state.turns === 20);
    expect(state.record.streamError).toBeNull();
  });

  it('is not halted by what a process that stood still meets when it goes on', async () => {
    const { state, service } = world((_from, turn) => {
      if (turn > 1) return;
      state.checkpoint = state.confirmed = 120;
      throw new ElstreamError('TABLE_CHANGED', 'stop', 'the column is gone');
    });
    await runsUntil(service, () => state.turns === 2);
    expect(state.record.streamError).toBeNull();
  });
});

describe('a stream halted by an error', () => {
  it('stays halted when one more process starts', async () => {
    const { state, logger, service } = world(() => undefined);
    state.record.streamError = 'the row does not fit';
    await runsUntil(service, () => logger.lines.some((l) => l.fields['because'] === 'halted'));
    expect([state.record.streamError, state.turns]).toEqual(['the row does not fit', 0]);
  });

  it('is tried again by the start of a process that is the only one', async () => {
    const { state, service } = world(() => undefined, { retryHalted: true });
    state.record.streamError = 'the row does not fit';
    await runsUntil(service, () => state.turns === 1);
    expect(state.record.streamError).toBeNull();
  });
});

describe('a stream at a step that takes very long', () => {
  const MINUTE = 60_000;
  const batch: EventBatch = { partition: DIRECT_PARTITION, from: offset(100), next: offset(101), events: [], bytes: 1 };

  /** Says whether the stream is still alive so long after the step began. */
  async function aliveAfter(ms: number, apply: (letGo: Promise<void>) => ApplyBatch): Promise<boolean> {
    let letGo: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (letGo = resolve));
    let began = false;
    const { state, service } = world(
      () => undefined,
      {
        apply: (...given) => {
          const result = apply(released)(...given);
          began = true;
          return result;
        },
      },
      async ({ start, onBatch, signal }) => {
        await start(DIRECT_PARTITION);
        await onBatch(batch, signal);
      },
    );
    state.now = 0;
    const running = service.run();
    while (!began) await sleep(1);
    state.now = ms;
    let looks = 0;
    Object.defineProperty(state.record, 'paused', { get: () => ((looks += 1), false), enumerable: true });
    while (looks < 2) await sleep(1);
    const before = state.alive;
    while (looks < 6) await sleep(1);
    const alive = state.alive > before;
    const stopped = service.stop();
    letGo();
    await Promise.all([stopped, running]);
    return alive;
  }
  const silent = (letGo: Promise<void>): ApplyBatch => async () => letGo.then(() => null);
  const long = (letGo: Promise<void>): ApplyBatch => async ({ longStep }) => longStep(() => letGo).then(() => null);

  it.each([
    ['is alive for as long as a statement may take', 9 * MINUTE, silent, true],
    ['is alive no more where nothing has moved for longer', 11 * MINUTE, silent, false],
    ['is alive for hours while a table is emptied', 20 * 60 * MINUTE, long, true],
    ['but not for ever', 25 * 60 * MINUTE, long, false],
  ])('%s', async (_, ms, apply, expected) => {
    expect(await aliveAfter(ms, apply)).toBe(expected);
  });

  it('is alive while a changed schema is followed', async () => {
    const { state, service } = world((_from, turn) => {
      if (turn === 1) throw new ElstreamError('STREAM_SCHEMA_CHANGED', 'stop', 'a column is wider', { place: { table: 'public.t' } });
    });
    let letGo: () => void = () => undefined;
    const follows = new Promise<void>((resolve) => (letGo = resolve));
    let before: number | null = null;
    service.companions = {
      historyTouched: () => undefined,
      columnsNoticed: () => undefined,
      schemaChanged: async () => {
        before = state.alive;
        await follows;
        return 'went-on';
      },
    };
    jest.useFakeTimers();
    try {
      const running = service.run();
      while (before === null) await jest.advanceTimersByTimeAsync(1);
      await jest.advanceTimersByTimeAsync(60 * MINUTE);
      expect(state.alive - before).toBeGreaterThan(60);
      letGo();
      while (state.turns < 2) await jest.advanceTimersByTimeAsync(1);
      const stopped = service.stop();
      await jest.advanceTimersByTimeAsync(1);
      await Promise.all([stopped, running]);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('the counter of a source that must not leave a number out', () => {
  const tx = { position: LogPosition.fromBigInt(1n, 8), committedAtUs: 1n };
  const batchOf = (...numbers: bigint[]): EventBatch => ({ partition: DIRECT_PARTITION, from: offset(100), next: offset(101), events: numbers.map((value) => ({ op: 'counter', tx, value, gapless: true })), bytes: 1 });
  const applied: ApplyBatch = (_context, { checkpoint, batch }) => Promise.resolve({ ...checkpoint, next: batch.next });

  it.each([
    ['follows on', batchOf(8n, 9n), null],
    ['comes again', batchOf(6n, 7n, 8n), null],
    ['skips a number behind the last batch', batchOf(9n), /7 was followed by 9/],
    ['skips a number inside a batch', batchOf(8n, 10n), /8 was followed by 10/],
  ])('%s', async (_name, batch, gap) => {
    const outcomes: string[] = [];
    const { state, service } = world(
      () => undefined,
      { apply: applied },
      async ({ start, onBatch, signal }) => {
        await start(DIRECT_PARTITION);
        if (outcomes.length === 0) outcomes.push(await onBatch(batch, signal));
        await sleep(60_000, signal);
      },
    );
    await runsUntil(service, () => outcomes.length > 0);
    expect(outcomes).toEqual([gap === null ? 'applied' : 'end']);
    if (gap === null) expect(state.record.gapReason).toBeNull();
    else expect(state.record.gapReason).toMatch(gap);
  });
});
