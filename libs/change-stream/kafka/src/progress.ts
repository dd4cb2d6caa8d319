import { type StreamMark, type StreamMoment } from '@elstream/change-stream';
import { LogPosition, StreamOffset } from '@elstream/core';
import { type Connector } from '@elstream/debezium';
import { type PartitionOffsets } from './offset-reader';
import { offsetPosition } from './record-events';
import { partitionName } from './topics';

/** Offsets of the pipeline's topics, noted at one moment. */
export type Ends = ReadonlyMap<string, readonly PartitionOffsets[]>;

interface Of {
  readonly connector: Connector;
  /** @param table its id */
  readonly topicOf: (table: string) => string;
}

/**
 * R4. `ends` were read after the connector's committed offset had passed `position`: with exactly-once support an offset is
 * committed in the transaction of the records before it, and offsets are read committed; so all records of what committed
 * at or below `position` were written, acknowledged by the replicas, and lie below the high watermarks. (They may not be
 * *visible* yet: the broker marks one partition after another; whoever reads to that end has waited for that.) Records of
 * a transaction that was open then belong to later offsets; that they are waited for as well does no harm.
 */
export function kafkaMark(position: LogPosition, ends: Ends, { connector, topicOf }: Of): StreamMark {
  const wanted = [...ends].flatMap(([topic, partitions]) => partitions.map(({ partition, end }) => ({ partition: partitionName({ topic, partition }), end: StreamOffset.kafka(end) })));
  return {
    reachedBy: (checkpoints) => {
      const next = new Map(checkpoints.map((checkpoint) => [checkpoint.partition, checkpoint.next]));
      return wanted.every(({ partition, end }) => (next.get(partition)?.compare(end) ?? -1) >= 0);
    },
    bound: (table) => {
      if (connector === 'sqlserver') return position;
      const highest = (ends.get(topicOf(table)) ?? []).reduce((max, { end }) => (end > max ? end : max), 0n);
      return offsetPosition(highest, 0);
    },
  };
}

/** R8 with offsets as versions: what lies below an end noted before a source read was written before it, so it had committed before. */
export function kafkaMoment(position: LogPosition, partitions: readonly PartitionOffsets[], connector: Connector): StreamMoment {
  if (connector === 'sqlserver') return { mayBeNewer: (other) => position.isBelow(other) };
  const ends = new Map(partitions.map(({ partition, end }) => [BigInt(partition), end]));
  return {
    mayBeNewer: (other) => {
      // A repair's: the lowest of its kind, below every event.
      if (other.equals(LogPosition.ZERO)) return false;
      const value = other.toBigInt();
      return value >> 16n >= (ends.get(value & 0xffffn) ?? 0n);
    },
  };
}
