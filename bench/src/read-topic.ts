import { type KafkaClient } from '@elstream/change-stream-kafka';

/** Where a topic's partitions end, by number. */
export type Ends = ReadonlyMap<number, bigint>;

export async function endsOf(client: KafkaClient, topic: string): Promise<Ends> {
  return new Map((await client.offsets(topic)).map(({ partition, end }) => [partition, end]));
}

/** Reads what lies between and parses each value as JSON, nothing else, which is what a reader in Node costs at least. Resolves with the values read at `to` of all partitions. */
export async function readTopic(client: KafkaClient, topic: string, { from, to, groupId }: { readonly from: Ends; readonly to: Ends; readonly groupId: string }): Promise<number> {
  let parsed = 0;
  const open = new Set(to.keys());
  let finish: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  finished.catch(() => undefined);
  const reached = (partition: number, next: bigint): void => {
    if (next >= (to.get(partition) ?? 0n)) open.delete(partition);
    if (open.size === 0) finish();
  };
  const consumer = await client.consume({
    groupId,
    topics: [topic],
    concurrency: to.size,
    partitionBytes: 8 << 20,
    startAt: ({ partition }) => {
      const start = from.get(partition) ?? 0n;
      reached(partition, start);
      return Promise.resolve(start);
    },
    onBatch: ({ partition, records, next }) => {
      for (const { value } of records) if (value !== null && typeof JSON.parse(value.toString('utf8')) === 'object') parsed += 1;
      reached(partition, next);
      return Promise.resolve(undefined);
    },
    onGap: ({ expected }) => fail(new Error(`offset ${String(expected)} is gone from ${topic}`)),
    onFailure: (error) => fail(error),
  });
  try {
    await finished;
  } finally {
    await consumer.close();
  }
  return parsed;
}
