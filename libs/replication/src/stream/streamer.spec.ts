import { consumeDirect, type ChangeStream, type ReadOptions } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import { DIRECT_PARTITION, LogPosition, silentTracer, sleep, StreamOffset, type Checkpoint } from '@elstream/core';
import { capturingLogger, eventually } from '@elstream/testing';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import { READY } from './stream.fixture';
import { createStreamer } from './streamer';

const OFFSET = StreamOffset.direct(LogPosition.fromBigInt(1n, 8), 0);
const FAST = { pollMs: 1, backoff: { minMs: 1, maxMs: 2 }, standbyMs: 1, guardMs: 1, graceMs: 1_000 };

/** Pipelines whose configuration may change; each has one log, which one reader at a time may read. */
function world() {
  const handles = new Map<string, PipelineHandle>();
  const state = { log: [] as string[], looks: 0, known: true, listeners: new Set<() => void>(), readers: 0, most: 0 };
  const held = new Set<PipelineHandle>();
  const identity = { system: '1', fork: '1' };
  function configure(name: string, version: string): void {
    const mappings = new Map();
    async function* read({ signal, opened }: ReadOptions): AsyncGenerator<never> {
      state.most = Math.max(state.most, (state.readers += 1));
      state.log.push(`${name} ${version} reads`);
      opened?.();
      await sleep(60_000, signal);
      await sleep(3);
      state.readers -= 1;
      state.log.push(`${name} ${version} let go`);
      yield* [];
    }
    const checkpoint: Checkpoint = { pipeline: name, partition: DIRECT_PARTITION, generation: 1, next: OFFSET, highest: null, counter: null };
    const stream: Partial<ChangeStream> = {
      status: () => ((state.looks += 1), Promise.resolve(READY)),
      retainedBytes: () => Promise.resolve(0),
      consume: (options) => consumeDirect({ read, acknowledge: () => undefined }, options),
      revive: () => Promise.resolve(),
    };
    handles.set(name, {
      name,
      settings: { counterIntervalMs: 60_000, walLimitBytes: 1_000, walPolicy: 'drop' },
      warehouse: { readCheckpoint: () => Promise.resolve(checkpoint), readCheckpoints: () => Promise.resolve([checkpoint]) },
      source: () => Promise.resolve({ identity: () => Promise.resolve(identity) }),
      stream: () => Promise.resolve(stream),
      mappings: () => Promise.resolve(mappings),
    } as unknown as PipelineHandle);
  }
  const record = (name: string): PipelineRecord => ({ name, paused: false, streamError: null, identity, gapReason: null });
  const logger = capturingLogger();
  const deps = {
    registry: {
      names: () => [...handles.keys()],
      has: (name: string) => handles.has(name),
      get: (name: string) => handles.get(name),
      hold: (name: string) => {
        const pipeline = handles.get(name)!;
        held.add(pipeline);
        return { pipeline, release: () => held.delete(pipeline) };
      },
      onChange: (listener: () => void) => (state.listeners.add(listener), () => state.listeners.delete(listener)),
    },
    bus: { subscribe: () => () => undefined },
    store: { readPipeline: (name: string) => Promise.resolve(state.known ? record(name) : null), readRuns: () => Promise.resolve([]), setStreamError: () => Promise.resolve() },
    logger,
    observer: silentObserver,
    tracer: silentTracer,
    clock: Date.now,
  } as unknown as ReplicationDeps;
  const streamer = createStreamer(deps, FAST);
  const running = streamer.run();
  return {
    state,
    held,
    logger,
    configure,
    remove: (name: string) => handles.delete(name),
    changed: () => state.listeners.forEach((listen) => listen()),
    stop: async () => {
      await streamer.stop();
      await running;
    },
  };
}

describe('the streams of a process', () => {
  it('begin for a pipeline that is added', async () => {
    const w = world();
    w.configure('p', '1');
    w.changed();
    await eventually(() => w.state.log.includes('p 1 reads'));
    w.configure('q', '1');
    w.changed();
    await eventually(() => w.state.log.includes('q 1 reads'));
    await w.stop();
    expect(w.held.size).toBe(0);
    expect(w.state.listeners.size).toBe(0);
  });

  it('let go of the slot before the one of a new configuration asks for it', async () => {
    const w = world();
    w.configure('p', '1');
    w.changed();
    await eventually(() => w.state.log.includes('p 1 reads'));
    w.configure('p', '2');
    w.changed();
    w.changed();
    await eventually(() => w.state.log.includes('p 2 reads'));
    expect(w.state.log).toEqual(['p 1 reads', 'p 1 let go', 'p 2 reads']);
    expect(w.state.most).toBe(1);
    expect(w.held.size).toBe(1);
    await w.stop();
  });

  it('end for a pipeline that is taken away, while its slot is guarded on, until it is removed for good or comes back', async () => {
    const w = world();
    w.configure('p', '1');
    w.changed();
    await eventually(() => w.state.log.includes('p 1 reads'));
    w.remove('p');
    w.changed();
    await eventually(() => w.state.log.includes('p 1 let go'));
    const looks = w.state.looks;
    await eventually(() => w.state.looks > looks + 2);
    expect(w.logger.lines.filter((l) => l.level === 'warn')).toHaveLength(1);
    expect(w.held.size).toBe(1);
    w.configure('p', '2');
    w.changed();
    await eventually(() => w.state.log.includes('p 2 reads'));
    w.remove('p');
    w.state.known = false;
    w.changed();
    await eventually(() => w.held.size === 0);
    await w.stop();
  });
});
