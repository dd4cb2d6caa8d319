import { LogPosition, StreamOffset, type ChangeEvent, type EventBatch } from '@elstream/core';
import { type KafkaBatch, type KafkaRecord } from './consumer';
import { type Place } from './record-events';
import { partitionName } from './topics';

export interface BatchLimits {
  readonly batchBytes: number;
  readonly batchEvents: number;
}

/** What a decoded event costs beside its bytes. */
const EVENT_BYTES = 200;

/**
 * Cuts what one fetch brought into batches, decoded one by one as they are asked for (R11): each covers the offsets from
 * where the one before it ended, the last one those of the markers behind its records too. One at least, perhaps of no event.
 *
 * @param decode null: nothing to apply. What it throws comes after the batch of the records before.
 */
export function* cutBatches(fetched: KafkaBatch, place: Place, decode: (record: KafkaRecord) => ChangeEvent | null, limits: BatchLimits): Generator<EventBatch, void> {
  const partition = partitionName(fetched);
  let from = fetched.from;
  let events: ChangeEvent[] = [];
  let bytes = 0;
  const cut = (next: bigint): EventBatch => {
    const batch = { partition, from: StreamOffset.kafka(from), next: StreamOffset.kafka(next), events: placeUnknown(events, place), bytes };
    from = next;
    events = [];
    bytes = 0;
    return batch;
  };
  for (const record of fetched.records) {
    let event: ChangeEvent | null;
    try {
      event = decode(record);
    } catch (error) {
      if (record.offset > from) yield cut(record.offset);
      throw error;
    }
    if (event !== null) events.push(event);
    bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0) + EVENT_BYTES;
    if (bytes >= limits.batchBytes || events.length >= limits.batchEvents) yield cut(record.offset + 1n);
  }
  if (fetched.next > from) yield cut(fetched.next);
}

/** A batch of what a whole fetch stands for. */
export function wholeBatch(fetched: KafkaBatch, events: readonly ChangeEvent[]): EventBatch {
  return { partition: partitionName(fetched), from: StreamOffset.kafka(fetched.from), next: StreamOffset.kafka(fetched.next), events, bytes: EVENT_BYTES * events.length };
}

/**
 * Poison that tells no position (SQL Server) before this reading has seen any in its partition takes that of the event
 * behind it, at which nothing counts as emitted again.
 */
function placeUnknown(events: readonly ChangeEvent[], place: Place): readonly ChangeEvent[] {
  const isUnknown = ({ op, tx }: ChangeEvent): boolean => op === 'poison' && tx.position.equals(LogPosition.ZERO);
  if (!events.some(isUnknown)) return events;
  const position = events.find((event) => !isUnknown(event))?.tx.position ?? place.last?.position;
  if (position === undefined) return events;
  return events.map((event) => (isUnknown(event) ? { ...event, tx: { ...event.tx, position } } : event));
}
