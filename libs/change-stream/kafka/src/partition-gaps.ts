import { type PartitionGap } from '@elstream/change-stream';
import { ruleHolds, StreamOffset, type Checkpoint } from '@elstream/core';
import { type Ends } from './progress';
import { type LogRange } from './consumer';
import { parsePartition } from './topics';

/**
 * What is missing of one partition's log (R3 d); null: nothing. Of a log that ends below what was expected it is not known
 * where it was cut, or that it is another: it is whole from its present end on (replaying what it still holds, an old row
 * could take the place of a preloaded one whose later change is lost).
 */
export function gapOf(partition: string, expected: bigint, range: LogRange | null, tables: readonly string[]): PartitionGap | null {
  const gap = (next: bigint, reason: string): PartitionGap => ({ partition, expected: StreamOffset.kafka(expected), next: StreamOffset.kafka(next), tables, reason });
  if (!ruleHolds('R3-offset-guard')) return null;
  if (range === null) return expected === 0n ? null : gap(0n, `the partition ${partition} does not exist any more: its topic was deleted, or made anew with fewer partitions`);
  if (expected < range.first) return gap(range.first, `retention was faster than the stream: the log of ${partition} begins at offset ${String(range.first)}, wanted was ${String(expected)}; give the topic a longer retention.ms`);
  if (expected > range.end) return gap(range.end, `the log of ${partition} ends at offset ${String(range.end)}, below ${String(expected)}, which was read before: the topic was made anew, or lost its end`);
  return null;
}

/** The whole log of a topic that was made anew is another's (`made-anew.ts`): whole from its present end on, as above. */
export function madeAnewGap(partition: string, expected: bigint, range: LogRange, tables: readonly string[]): PartitionGap {
  const reason = `the topic of ${partition} was made anew: below offset ${String(expected)} lies what was never read, in the place of what was`;
  return { partition, expected: StreamOffset.kafka(expected), next: StreamOffset.kafka(range.end), tables, reason };
}

/** @param tablesOf whose events a topic holds; none: it is not ours (any more) */
export function gapsOf(checkpoints: readonly Checkpoint[], ends: Ends, tablesOf: (topic: string) => readonly string[]): PartitionGap[] {
  return checkpoints.flatMap(({ partition, next }) => {
    const at = parsePartition(partition);
    const tables = at === null ? [] : tablesOf(at.topic);
    if (at === null || tables.length === 0) return [];
    const range = ends.get(at.topic)?.find((found) => found.partition === at.partition) ?? null;
    return gapOf(partition, offsetOf(next), range, tables) ?? [];
  });
}

/** Offsets between the checkpoints and the ends; markers of transactions are counted too. */
export function eventsBehind(checkpoints: readonly Checkpoint[], ends: Ends): bigint {
  return checkpoints.reduce((sum, { partition, next }) => {
    const at = parsePartition(partition);
    const end = at === null ? undefined : ends.get(at.topic)?.find((found) => found.partition === at.partition)?.end;
    const behind = end === undefined ? 0n : end - offsetOf(next);
    return behind > 0n ? sum + behind : sum;
  }, 0n);
}

export function offsetOf(offset: StreamOffset): bigint {
  return BigInt(`0x${offset.hex}`);
}
