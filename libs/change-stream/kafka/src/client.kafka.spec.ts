import { startKafkaServer } from '@elstream/servers';
import { eventually, testBrokers } from '@elstream/testing';
import { randomBytes } from 'node:crypto';
import { type KafkaClient, type NewTopic, openKafka } from './client';
import { type ConsumeOptions, type KafkaBatch, type KafkaConsumer, type KafkaGap, type KafkaRecord } from './consumer';

jest.setTimeout(180_000);

let kafka: KafkaClient;
beforeAll(async () => {
  kafka = await openKafka({ brokers: (await testBrokers()).split(','), clientId: 'spec' });
});
afterAll(async () => {
  await kafka?.close();
});

/** Waits until `condition` holds, or fails with what a consumer has failed with. */
async function until(condition: () => boolean, seen: Seen, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (seen.failures.length > 0) throw seen.failures[0];
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}; seen ${JSON.stringify(offsetsOf(seen.records))}`);
  }
}

interface Seen {
  readonly consumer: KafkaConsumer;
  readonly records: (KafkaRecord & { readonly partition: number })[];
  readonly batches: KafkaBatch[];
  readonly gaps: KafkaGap[];
  readonly failures: unknown[];
}

const offsetsOf = (records: readonly KafkaRecord[]): number[] => records.map(({ offset }) => Number(offset));
const text = (bytes: Buffer | null): string | null => bytes?.toString() ?? null;

async function freshTopic(more: Partial<NewTopic> = {}): Promise<string> {
  const topic = `t-${randomBytes(6).toString('hex')}`;
  await kafka.createTopics([{ topic, partitions: 1, ...more }]);
  return topic;
}

/** A consumer that keeps what it is given. */
async function consume(topic: string, more: Partial<ConsumeOptions> = {}): Promise<Seen> {
  const seen = { records: [] as Seen['records'], batches: [] as KafkaBatch[], gaps: [] as KafkaGap[], failures: [] as unknown[] };
  const { onBatch, ...rest } = more;
  const consumer = await kafka.consume({
    groupId: `g-${topic}`,
    topics: [topic],
    startAt: () => Promise.resolve(undefined),
    onGap: (gap) => seen.gaps.push(gap),
    onFailure: (error) => seen.failures.push(error),
    sessionTimeoutMs: 6_000,
    onBatch: async (batch) => {
      seen.batches.push(batch);
      const verdict = await onBatch?.(batch);
      if (verdict !== undefined) return verdict;
      seen.records.push(...batch.records.map((record) => ({ ...record, partition: batch.partition })));
      return undefined;
    },
    ...rest,
  });
  return { ...seen, consumer };
}

async function send(topic: string, values: readonly (string | Buffer | null)[], partition = 0): Promise<void> {
  const producer = await kafka.producer();
  for (const value of values) await producer.send(topic, [{ key: 'k', value, partition }]);
  await producer.close();
}

const numbers = (first: number, last: number): string[] => Array.from({ length: last - first + 1 }, (_, i) => String(first + i));

describe('reading with kafkajs from the pinned broker', () => {
  it('begins where our checkpoint says, whatever the group has committed, and at the log\'s start without one', async () => {
    const topic = await freshTopic({ partitions: 2 });
    await send(topic, numbers(0, 9), 0);
    await send(topic, ['a', null], 1);
    const first = await consume(topic, { startAt: ({ partition }) => Promise.resolve(partition === 0 ? 4n : undefined) });
    await until(() => first.records.length === 8, first, 'both partitions');
    expect(offsetsOf(first.records.filter((r) => r.partition === 0))).toEqual([4, 5, 6, 7, 8, 9]);
    expect(first.records.filter((r) => r.partition === 1).map(({ value }) => text(value))).toEqual(['a', null]);
    expect(text(first.records[0]!.key)).toBe('k');
    await first.consumer.commit({ topic, partition: 0 }, 10n);
    expect(await kafka.committed(`g-${topic}`, topic)).toEqual(new Map([[0, 10n], [1, null]]));
    await first.consumer.close();

    const second = await consume(topic, { startAt: () => Promise.resolve(0n) });
    await until(() => second.records.length === 12, second, 'everything again');
    await second.consumer.close();
  });

  it('shares the partitions with a member that joins, and takes them back when it leaves, each time at the checkpoint', async () => {
    const topic = await freshTopic({ partitions: 4 });
    const checkpoint = new Map<number, bigint>();
    const startAt: ConsumeOptions['startAt'] = ({ partition }) => Promise.resolve(checkpoint.get(partition));
    const onBatch: ConsumeOptions['onBatch'] = ({ partition, next }) => Promise.resolve(void checkpoint.set(partition, next));
    for (const partition of [0, 1, 2, 3]) await send(topic, ['1'], partition);
    const first = await consume(topic, { startAt, onBatch });
    await until(() => first.records.length === 4, first, 'one of each');
    const second = await consume(topic, { startAt, onBatch });
    await until(() => first.consumer.assigned().length === 2 && second.consumer.assigned().length === 2, first, 'two each');
    for (const partition of [0, 1, 2, 3]) await send(topic, ['2'], partition);
    await until(() => first.records.length + second.records.length === 8, first, 'the second of each');
    expect(second.records).toHaveLength(2);
    await second.consumer.close();
    await until(() => first.consumer.assigned().length === 4, first, 'all four');
    for (const partition of [0, 1, 2, 3]) await send(topic, ['3'], partition);
    await until(() => first.records.length + second.records.length === 12, first, 'the third of each');
    const all = [...first.records, ...second.records].map((r) => `${String(r.partition)}/${String(r.offset)}`);
    expect(new Set(all).size).toBe(12);
    await first.consumer.close();
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('reads %s as Java writes it', async (codec) => {
    // The broker packs what it is sent in this topic's codec.
    const topic = await freshTopic({ config: { 'compression.type': codec } });
    const values = [...numbers(0, 99), 'ü'.repeat(100_000), randomBytes(70_000).toString('base64')];
    const producer = await kafka.producer();
    await producer.send(topic, values.map((value) => ({ key: null, value })));
    const seen = await consume(topic);
    await until(() => seen.records.length === values.length, seen, 'all records');
    expect(seen.records.map(({ value }) => text(value))).toEqual(values);
    await seen.consumer.close();
  });

  it.each(['gzip', 'snappy', 'lz4'] as const)('reads %s as it writes it', async (codec) => {
    const topic = await freshTopic();
    const producer = await kafka.producer();
    await producer.send(topic, numbers(0, 999).map((value) => ({ key: null, value })), codec);
    const seen = await consume(topic);
    await until(() => seen.records.length === 1000, seen, 'all records');
    expect(seen.records.map(({ value }) => text(value))).toEqual(numbers(0, 999));
    await seen.consumer.close();
  });

  it('delivers an event of 10 MB, larger than a fetch may be, and what follows it', async () => {
    const topic = await freshTopic();
    const large = randomBytes(10 * 1024 * 1024);
    await send(topic, ['before', large, 'after']);
    const seen = await consume(topic);
    await until(() => seen.records.length === 3, seen, 'all three');
    expect(seen.records[1]!.value!.equals(large)).toBe(true);
    await seen.consumer.close();
  });

  it('passes over the markers of transactions and aborted records, and has no gap where they were', async () => {
    const topic = await freshTopic();
    const producer = await kafka.producer({ transactionalId: `x-${topic}` });
    const sent = async (value: string, end: 'commit' | 'abort'): Promise<void> => producer.transaction(topic, [{ key: null, value }], end);
    await sent('first', 'commit');
    await sent('aborted', 'abort');
    const seen = await consume(topic);
    await until(() => seen.records.length === 1, seen, 'the first');
    await sent('aborted too', 'abort');
    await sent('second', 'commit');
    await until(() => seen.records.length === 2, seen, 'the second');
    expect(seen.records.map(({ offset, value }) => [offset, text(value)])).toEqual([[0n, 'first'], [6n, 'second']]);
    // Each batch begins where the one before it ended, or behind markers only: the log's start is still 0.
    expect(seen.gaps).toEqual([]);
    await seen.consumer.close();

    const later = await consume(topic, { startAt: () => Promise.resolve(2n) });
    await until(() => later.records.length === 1, later, 'from behind the first transaction');
    expect(later.batches[0]!.from).toBe(2n);
    await later.consumer.close();
  });

  it('delivers nothing of a paused partition, and all of it when resumed', async () => {
    const topic = await freshTopic({ partitions: 2 });
    const seen = await consume(topic);
    await until(() => seen.consumer.assigned().length === 2, seen, 'assignment');
    seen.consumer.pause({ topic, partition: 0 });
    await send(topic, ['a', 'b'], 0);
    await send(topic, ['c'], 1);
    await until(() => seen.records.length === 1, seen, 'the other partition');
    expect(seen.records[0]!.partition).toBe(1);
    seen.consumer.resume({ topic, partition: 0 });
    await until(() => seen.records.length === 3, seen, 'the resumed partition');
    await seen.consumer.close();
  });

  it('tells a gap, and delivers nothing, when retention was faster; a seek goes on', async () => {
    const topic = await freshTopic();
    await send(topic, numbers(0, 9));
    await kafka.deleteRecords(topic, 0, 6n);
    expect(await kafka.offsets(topic)).toEqual([{ partition: 0, first: 6n, end: 10n }]);
    const seen = await consume(topic, { startAt: () => Promise.resolve(3n) });
    await until(() => seen.gaps.length + seen.records.length > 0, seen, 'the gap');
    expect(seen.gaps).toEqual([{ topic, partition: 0, expected: 3n, logStart: 6n, end: 10n }]);
    expect(seen.records).toEqual([]);
    seen.consumer.seek({ topic, partition: 0 }, 6n);
    await until(() => seen.records.length === 4, seen, 'the rest');
    expect(offsetsOf(seen.records)).toEqual([6, 7, 8, 9]);
    expect(seen.gaps).toHaveLength(1);
    await seen.consumer.close();
  });

  it('tells a gap when the log ends below the checkpoint, as that of a topic made anew does', async () => {
    const topic = await freshTopic();
    await send(topic, numbers(0, 2));
    const seen = await consume(topic, { startAt: () => Promise.resolve(50n) });
    await until(() => seen.gaps.length + seen.records.length > 0, seen, 'the gap');
    expect(seen.gaps).toEqual([{ topic, partition: 0, expected: 50n, logStart: 0n, end: 3n }]);
    expect(seen.records).toEqual([]);
    await seen.consumer.close();
  });

  it('stops a partition whose handler fails, tells the error once, and goes on with the same batch after a seek', async () => {
    const topic = await freshTopic();
    await send(topic, ['a']);
    let fail = true;
    const seen = await consume(topic, { onBatch: () => (fail ? Promise.reject(new Error('no')) : Promise.resolve(undefined)) });
    await expect(until(() => false, seen, 'never')).rejects.toThrow('no');
    await send(topic, ['b']);
    fail = false;
    seen.failures.length = 0;
    seen.consumer.seek({ topic, partition: 0 }, 0n);
    await until(() => seen.records.length === 2, seen, 'both');
    expect(seen.failures).toEqual([]);
    await seen.consumer.close();
  });

  it('keeps its partitions while a batch takes longer than the session', async () => {
    const topic = await freshTopic();
    await send(topic, ['slow']);
    const seen = await consume(topic, { onBatch: () => new Promise((resolve) => setTimeout(() => resolve(undefined), 8_000)) });
    await until(() => seen.records.length === 1, seen, 'the slow batch');
    expect(seen.batches).toHaveLength(1);
    expect(seen.batches[0]!.signal.aborted).toBe(false);
    await seen.consumer.close();
  });

  it('tells the batch in hand that its partition may go to another member, and lets it move nothing afterwards', async () => {
    const topic = await freshTopic();
    await send(topic, ['a']);
    let release = (): void => undefined;
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
    const first = await consume(topic, { onBatch: () => held });
    await until(() => first.batches.length === 1, first, 'the batch in hand');
    // It joins once the first has let go.
    const joining = consume(topic);
    await until(() => first.batches[0]!.signal.aborted, first, 'the signal');
    release();
    const second = await joining;
    await until(() => first.consumer.assigned().length + second.consumer.assigned().length === 1 && second.records.length + first.batches.length >= 2, second, 'one of them reads it again from the checkpoint');
    await Promise.all([first.consumer.close(), second.consumer.close()]);
  });

  it('goes on after a restart of the broker', async () => {
    const server = await startKafkaServer();
    const shared = kafka;
    kafka = await openKafka({ brokers: [server.brokers], clientId: 'spec' });
    try {
      const topic = await freshTopic();
      await send(topic, ['a']);
      const seen = await consume(topic);
      await until(() => seen.records.length === 1, seen, 'the first');
      await server.kill();
      await server.restart();
      await send(topic, ['b']);
      await until(() => seen.records.some(({ value }) => text(value) === 'b'), seen, 'the second');
      await seen.consumer.close();

      // With a batch in hand, which the handler leaves unmoved once its signal says that the group does not hear us. Nobody else takes the partition.
      let [held, aborted] = [false, false];
      const holder = await consume(topic, {
        startAt: () => Promise.resolve(0n),
        onBatch: async ({ signal }) => {
          if (held) return undefined;
          held = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          aborted = true;
          return 'stop';
        },
      });
      await until(() => held, holder, 'a batch in hand');
      await server.kill();
      await until(() => aborted, holder, 'the signal');
      await server.restart();
      // Or a failure, where the start could not be asked for just then: whoever reads joins anew.
      await eventually(() => Promise.resolve(holder.records.length === 2 || holder.failures.length > 0), { describe: 'the batch again', timeoutMs: 60_000 });
      await holder.consumer.close();
    } finally {
      await kafka.close();
      kafka = shared;
      await server.stop();
    }
  });
});
