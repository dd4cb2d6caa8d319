import 'reflect-metadata';
import { Controller, Module, UseFilters, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { consumeDirect, type ChangeStream, type ReadOptions } from '@elstream/change-stream';
import { DIRECT_PARTITION, ElstreamError, LogPosition, silentLogger, silentTracer, sleep, StreamOffset, type Checkpoint, type EventBatch } from '@elstream/core';
import { silentObserver, type PipelineHandle, type TakenBatch } from '@elstream/replication';
import type { Runtime } from '@elstream/runtime';
import { eventually } from '@elstream/testing';
import { CHANGE_BATCH, ChangeBatchContext } from './change-batch.context';
import { ErrorAsItIs } from './change-batch.controller';
import { ChangeStreamStrategy } from './change-stream.strategy';

type Handle = (taken: TakenBatch, context: ChangeBatchContext) => Promise<Checkpoint | null>;

const offset = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
const checkpointAt = (next: StreamOffset): Checkpoint => ({ pipeline: 'shop', partition: DIRECT_PARTITION, generation: 1, next, highest: null, counter: null });
const at = (next: StreamOffset): number => Number(next.splitDirect().position.toBigInt());

/** A source with batches 1, 2, 3 … and a warehouse whose checkpoint follows what the handler returns. */
function world() {
  const state = { applied: 0, acknowledged: [] as number[], failures: [] as string[], streamError: null as string | null, endless: true };
  const identity = { system: '1', fork: '1' };
  const stream: Partial<ChangeStream> = {
    status: () => Promise.resolve({ state: 'ready', gap: null, partitionGaps: [], trouble: null, retainedBytes: 0, eventsBehind: null }),
    consume: (options) => consumeDirect({ read, acknowledge: (next) => void state.acknowledged.push(at(next)) }, options),
    revive: () => Promise.resolve(),
  };
  async function* read({ from, signal }: ReadOptions): AsyncGenerator<EventBatch> {
    for (let n = at(from); !signal.aborted; n += 1) {
      yield { partition: DIRECT_PARTITION, from: offset(n), next: offset(n + 1), events: [{ op: 'counter', tx: { position: LogPosition.fromBigInt(1n, 8), committedAtUs: 1n }, value: 1n, gapless: false }], bytes: 1 };
      await sleep(1);
    }
  }
  const pipeline = {
    name: 'shop',
    settings: { counterIntervalMs: 60_000 },
    warehouse: { readCheckpoint: () => Promise.resolve(checkpointAt(offset(state.applied))), readCheckpoints: () => Promise.resolve([checkpointAt(offset(state.applied))]) },
    source: () => Promise.resolve({ identity: () => Promise.resolve(identity) }),
    stream: () => Promise.resolve(stream),
    mappings: () => Promise.resolve(mappings),
  } as unknown as PipelineHandle;
  const mappings = new Map();
  const deps = {
    registry: { names: () => ['shop'], has: () => true, get: () => pipeline, hold: () => ({ pipeline, release: () => undefined }), onChange: () => () => undefined },
    bus: { subscribe: () => () => undefined },
    store: {
      readPipeline: () => Promise.resolve({ name: 'shop', paused: false, streamError: state.streamError, identity, gapReason: null }),
      readRuns: () => Promise.resolve([]),
      setStreamError: (_name: string, error: string | null) => Promise.resolve(void (state.streamError = error)),
    },
    logger: silentLogger,
    tracer: silentTracer,
    observer: { ...silentObserver, streamFailed: (_pipeline: string, recovery: string) => void state.failures.push(recovery) },
    clock: Date.now,
  };
  return { state, runtime: { deps, logger: silentLogger } as unknown as Runtime };
}

function moduleOf(handle: Handle | null): DynamicModule {
  @Module({})
  class Root {}
  if (handle === null) return { module: Root };
  const work = handle;
  @Controller()
  @UseFilters(new ErrorAsItIs())
  class Handler {
    @EventPattern<string>(CHANGE_BATCH)
    apply(@Payload() taken: TakenBatch, @Ctx() context: ChangeBatchContext): Promise<Checkpoint | null> {
      return work(taken, context);
    }
  }
  return { module: Root, controllers: [Handler] };
}

/** The strategy as Nest starts it, with this handler of batches. */
async function start({ runtime }: ReturnType<typeof world>, handle: Handle | null) {
  const strategy = new ChangeStreamStrategy(runtime, { pollMs: 1, backoff: { minMs: 1, maxMs: 2 }, standbyMs: 1, guardMs: 60_000 });
  const nest = await NestFactory.createMicroservice(moduleOf(handle), { strategy, logger: false });
  await nest.listen();
  return nest;
}

describe('change streams as a transport of Nest', () => {
  it('dispatch one batch after the other, and acknowledge what the handler returns', async () => {
    const w = world();
    let atOnce = 0;
    const seen: number[] = [];
    const nest = await start(w, async (taken, context) => {
      expect(context.apply.pipeline.name).toBe('shop');
      expect(taken.checkpoint.next.hex).toBe(taken.batch.from.hex);
      expect((atOnce += 1)).toBe(1);
      await sleep(2);
      atOnce -= 1;
      seen.push(at(taken.batch.from));
      w.state.applied = at(taken.batch.next);
      return checkpointAt(taken.batch.next);
    });
    await eventually(() => seen.length >= 5);
    await nest.close();
    expect(seen.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(w.state.acknowledged).toEqual(seen.map((n) => n + 1));
  });

  it('try a batch again that failed for now, from the stored checkpoint, and acknowledge nothing of it', async () => {
    const w = world();
    let tries = 0;
    const nest = await start(w, async (taken) => {
      tries += 1;
      if (tries < 3) throw new ElstreamError('DB_CONNECTION', 'retry', 'away');
      w.state.applied = at(taken.batch.next);
      return checkpointAt(taken.batch.next);
    });
    await eventually(() => w.state.acknowledged.length > 0);
    await nest.close();
    expect(w.state.failures).toEqual(['retry', 'retry']);
    expect(w.state.acknowledged[0]).toBe(1);
    expect(w.state.streamError).toBeNull();
  });

  it.each([
    ['a permanent error of the handler, in its own words', () => Promise.reject(new ElstreamError('BATCH_FAILED', 'stop', 'the row does not fit')), /the row does not fit/],
    ['a defect of the handler', () => Promise.reject(new TypeError('undefined is not a row')), /undefined is not a row/],
    ['a controller that is missing', null, /no controller handles 'change-batch'/],
  ] as const)('halt at %s', async (_what, handle, error) => {
    const w = world();
    const nest = await start(w, handle);
    await eventually(() => w.state.streamError !== null);
    await nest.close();
    expect(w.state.streamError).toMatch(error);
    expect(w.state.failures).toEqual(['stop']);
    expect(w.state.acknowledged).toEqual([]);
  });

  it('close when the batch in hand is settled', async () => {
    const w = world();
    const batch: { settle?: () => void } = {};
    let settled = false;
    const nest = await start(w, async (taken) => {
      await new Promise<void>((resolve) => (batch.settle = resolve));
      settled = true;
      return checkpointAt(taken.batch.next);
    });
    await eventually(() => batch.settle !== undefined);
    const closing = nest.close();
    await sleep(5);
    expect(settled).toBe(false);
    batch.settle?.();
    await closing;
    expect(settled).toBe(true);
  });
});
