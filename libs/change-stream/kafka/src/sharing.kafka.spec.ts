import { type StreamOffset } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { at, brief, int, mappingOf, offset, Reader, text } from './stream.fixture';
import { postgresEvent, writtenContext, type WrittenContext } from './written.fixture';

jest.setTimeout(90_000);

const t = mappingOf('t', ['id'], [int('id'), text('v')]);

/** One event per partition and call, of ids that are never used again. */
function writer(context: WrittenContext, partitions: number): (v: string) => Promise<void> {
  let id = 0;
  return async (v) => {
    const records = Array.from({ length: partitions }, (_, partition) => ({ key: `{"id":${String((id += 1))}}`, partition, value: postgresEvent('c', { id, v }) }));
    await context.producer.send(context.topic(t), records);
  };
}

/** Readers of one warehouse: they move the same checkpoints. */
const beside = (reader: Reader, stream: Reader['stream']): Reader => {
  const other = new Reader(stream, reader.tables, new Map());
  Object.assign(other, { checkpoints: reader.checkpoints });
  return other;
};
const valuesOf = (...readers: readonly Reader[]): string[] => readers.flatMap(({ events }) => events.map((event) => (event.op === 'insert' ? `${event.row[1] ?? ''}${event.row[0] ?? ''}` : event.op))).sort();
const all = (v: string, first: number, count: number): string[] => Array.from({ length: count }, (_, i) => `${v}${String(first + i)}`);

describe('several readers of one pipeline', () => {
  it('share the partitions, each event once, as they come and go', async () => {
    await using context = await writtenContext('postgresql', [t], 4);
    const write = writer(context, 4);
    const one = new Reader(await context.stream(), [t], await context.zero()).read();
    await write('a');
    await one.until((events) => events.length === 4, 'all alone');
    const two = beside(one, await context.stream());
    let opened = false;
    two.read({ opened: () => (opened = true) });
    await eventually(() => Promise.resolve(opened), { timeoutMs: 30_000 });
    await write('b');
    await eventually(() => Promise.resolve(one.events.length + two.events.length === 8), { timeoutMs: 30_000 });
    expect(two.events).toHaveLength(2);
    const left = Date.now();
    await two.stop();
    expect(Date.now() - left).toBeLessThan(6_000);
    await write('c');
    await eventually(() => Promise.resolve(one.events.length + two.events.length === 12), { timeoutMs: 30_000 });
    expect(valuesOf(one, two)).toEqual([...all('a', 1, 4), ...all('b', 5, 4), ...all('c', 9, 4)].sort());
    // For lag tools: the group is told what was applied.
    await eventually(async () => expect(await context.client.committed(context.name, context.topic(t))).toEqual(new Map([0, 1, 2, 3].map((n) => [n, 3n]))), { timeoutMs: 20_000 });
    await one.stop();
  });

  it('lose nothing to one that still holds a batch when its partition is read by another, and let it tell the group nothing', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    const write = writer(context, 1);
    await write('a');
    const zombie = new Reader(await context.stream(), [t], await context.zero());
    let [release, holds, aborted] = [(): void => undefined, false, false];
    const held = new Promise<void>((resolve) => (release = resolve));
    const outcomes: string[] = [];
    zombie.read({
      onBatch: async (batch, signal) => {
        if (batch.events.length > 0 && !holds) {
          holds = true;
          signal.addEventListener('abort', () => (aborted = true));
          await held;
          // It goes by no signal: its warehouse transaction is what tells (R2).
          const outcome = await zombie.apply(batch);
          outcomes.push(outcome);
          return 'applied';
        }
        return zombie.apply(batch);
      },
    });
    await eventually(() => Promise.resolve(holds), { timeoutMs: 30_000 });
    const owner = beside(zombie, await context.stream()).read();
    await owner.until((events) => events.length === 1, 'the same batch, by the other');
    expect(aborted).toBe(true);
    await write('b');
    await owner.until((events) => events.length === 2, 'the next');
    const told = (): Promise<bigint | null | undefined> => context.client.committed(context.name, context.topic(t)).then((offsets) => offsets.get(0));
    await eventually(async () => (await told()) === 2n, { timeoutMs: 20_000 });
    release();
    await eventually(() => Promise.resolve(outcomes.length === 1), { timeoutMs: 20_000 });
    expect(outcomes).toEqual(['lost']);
    await write('c');
    await eventually(() => Promise.resolve(zombie.checkpoints.get(at(context.topic(t), 0))!.equals(offset(3))), { timeoutMs: 30_000 });
    expect(valuesOf(zombie, owner)).toEqual(['a1', 'b2', 'c3']);
    await eventually(async () => (await told()) === 3n, { timeoutMs: 20_000 });
    await Promise.all([zombie.stop(), owner.stop()]);
  });
});

describe('a reader whose checkpoint stands elsewhere', () => {
  it('asks where it stands, and goes on there', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    const write = writer(context, 1);
    for (const v of ['a', 'b', 'c', 'd']) await write(v);
    const name = at(context.topic(t), 0);
    const starts = new Map<string, StreamOffset>([...(await context.zero())].map(([partition]) => [partition, offset(0)]));
    const reader = new Reader(await context.stream({ limits: { batchEvents: 1, sessionTimeoutMs: 6_000 } }), [t], starts);
    let moved = false;
    reader.read({
      onBatch: (batch) => {
        if (!moved && batch.from.equals(offset(1))) {
          moved = true;
          reader.checkpoints.set(name, offset(3));
        }
        return reader.apply(batch);
      },
    });
    await reader.until((events) => events.length === 2, 'the first and the last');
    expect(brief(reader.events)).toEqual([['+', '1', 'a'], ['+', '4', 'd']]);
    await reader.stop();
  });

  it('reads a partition once it has a checkpoint', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    await writer(context, 1)('a');
    const reader = new Reader(await context.stream(), [t], new Map());
    let asked = 0;
    reader.read({
      start: (partition) => {
        asked += 1;
        return Promise.resolve(reader.checkpoints.get(partition) ?? null);
      },
    });
    await eventually(() => Promise.resolve(asked >= 2), { timeoutMs: 30_000 });
    for (const [partition, start] of await context.zero()) reader.checkpoints.set(partition, start);
    await reader.until((events) => events.length === 1, 'the event');
    await reader.stop();
  });

  it('ends after `end`, and throws what applying threw', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    await writer(context, 1)('a');
    const ending = new Reader(await context.stream(), [t], await context.zero()).read({ onBatch: () => Promise.resolve('end') });
    await ending.running;
    const failing = new Reader(await context.stream(), [t], await context.zero()).read({ onBatch: () => Promise.reject(new Error('no')) });
    await expect(failing.running).rejects.toThrow('no');
  });
});

describe('a topic that is deleted', () => {
  it('is a gap of its tables, also where it is made anew, and is read on from there', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    const write = writer(context, 1);
    for (const v of ['a', 'b', 'c']) await write(v);
    const topic = context.topic(t);
    const name = at(topic, 0);
    const stream = await context.stream();
    const reader = new Reader(stream, [t], await context.zero()).read();
    await reader.until((events) => events.length === 3, 'all');
    await context.client.deleteTopics([topic]);
    await eventually(async () => expect((await stream.status(reader.rows())).partitionGaps).toMatchObject([{ partition: name, expected: offset(3), next: offset(0), tables: [t.id] }]), { timeoutMs: 20_000 });
    await context.client.createTopics([{ topic, partitions: 1 }]);
    expect((await stream.status(reader.rows())).partitionGaps).toMatchObject([{ partition: name, expected: offset(3), next: offset(0), tables: [t.id] }]);
    await write('d');
    const ended = reader.running.then(() => undefined, (error: unknown) => error);
    await Promise.race([ended, eventually(() => Promise.resolve(reader.gaps.length > 0), { timeoutMs: 40_000 })]);
    // A reader that gave up meanwhile is begun again by whoever runs it.
    if (reader.gaps.length === 0) reader.read();
    await eventually(() => Promise.resolve(reader.gaps.length > 0), { timeoutMs: 30_000 });
    expect(reader.gaps).toMatchObject([{ partition: name, expected: offset(3), next: offset(1), tables: [t.id] }]);
    await write('e');
    await reader.until((events) => events.some((event) => event.op === 'insert' && event.row[1] === 'e'), 'what follows');
    expect((await stream.status(reader.rows())).partitionGaps).toEqual([]);
    await reader.stop().catch(() => undefined);
  });
});
