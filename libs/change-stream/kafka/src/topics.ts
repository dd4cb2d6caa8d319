import { ElstreamError, type TableName } from '@elstream/core';
import { type ConnectorPlan } from '@elstream/debezium';
import { type KafkaClient, type NewTopic } from './client';
import { type KafkaPartition } from './consumer';
import { type TopicSettings } from './options';
import { topicMisfits } from './topic-misfits';

/** The checkpoint's name of a partition: `<topic>-<number>`. */
export function partitionName({ topic, partition }: KafkaPartition): string {
  return `${topic}-${String(partition)}`;
}

/** Null: not a name of a topic-partition (a checkpoint of another kind of stream). */
export function parsePartition(name: string): KafkaPartition | null {
  const parts = /^(.+)-(\d{1,9})$/.exec(name);
  return parts === null ? null : { topic: parts[1] ?? '', partition: Number(parts[2]) };
}

/** The table that `tableId` names. */
export function parseTableId(id: string): TableName {
  const parts = /^("(?:[^"\\]|\\.)*"|[^".]+)\.("(?:[^"\\]|\\.)*"|[^".]+)$/.exec(id);
  if (parts === null) throw new RangeError(`not a table's id: ${id}`);
  const plain = (part = ''): string => (part.startsWith('"') ? (JSON.parse(part) as string) : part);
  return { schema: plain(parts[1]), name: plain(parts[2]) };
}

/**
 * Makes the topics of a plan before the connector writes to them, so that empty tables have one, with our settings. Those that
 * are there stay as they are: adding partitions would move keys.
 *
 * @param tables in the plan's order
 * @returns what their settings are not, for people (`topicMisfits`)
 * @throws ElstreamError TOPIC_UNFIT (refuse) naming a topic that compacts, which would leave changes out
 */
export async function ensureTopics(client: KafkaClient, plan: ConnectorPlan, tables: readonly TableName[], settings: TopicSettings): Promise<readonly string[]> {
  const { partitions, partitionsOf, replicas, retentionMs, maxEventBytes = 16 << 20 } = settings;
  const config: Record<string, string> = {
    'cleanup.policy': 'delete',
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(maxEventBytes),
    ...(retentionMs === undefined ? {} : { 'retention.ms': String(retentionMs) }),
  };
  const topic = (name: string, count: number): NewTopic => ({ topic: name, partitions: count, config, ...(replicas === undefined ? {} : { replicas }) });
  const countOf = (table: TableName | undefined): number => (table === undefined ? partitions : (partitionsOf?.(table) ?? partitions));
  const { notifications } = plan.topics;
  const wanted = [topic(plan.topics.counter, 1), ...(notifications === null ? [] : [topic(notifications, 1)]), ...plan.topics.tables.map((name, i) => topic(name, countOf(tables[i])))];
  const there = new Set(await client.listTopics());
  const missing = wanted.filter(({ topic: name }) => !there.has(name));
  if (missing.length > 0) await client.createTopics(missing);
  // Also of those just made: somebody else may have been faster.
  const found = await client.configs(wanted.map(({ topic: name }) => name));
  for (const [name, settings] of found) {
    const policy = settings.get('cleanup.policy');
    if (policy !== 'delete') {
      throw new ElstreamError('TOPIC_UNFIT', 'refuse', `the topic ${name} has cleanup.policy=${policy ?? '?'}, which leaves changes out; set it to delete (kafka-configs.sh --alter --topic ${name} --add-config cleanup.policy=delete), or choose another topicPrefix`, { place: { setting: 'cleanup.policy' } });
    }
  }
  return topicMisfits(found, { retentionMs, maxEventBytes });
}
