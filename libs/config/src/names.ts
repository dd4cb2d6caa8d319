import type { TableName } from '@elstream/core';
import type { PipelineConfig } from './pipeline-schema';
import type { KafkaStream } from './stream-setting';
import { exactTableId, matchesTable } from './table-pattern';

/** `-` becomes `_`, which pipeline names cannot hold, so two pipelines never get the same name; at most 49 characters. */
const derived = (config: PipelineConfig): string => `elstream_${config.name.replaceAll('-', '_')}`;

/** The pipeline's replication slot at the source. */
export function slotName(config: PipelineConfig): string {
  return config.stream.slotName ?? derived(config);
}

/** The pipeline's publication at the source. */
export function publicationName(config: PipelineConfig): string {
  return config.stream.publicationName ?? derived(config);
}

/** Partitions of the topic of a table: what is said of its exact name, else the last pattern that matches, else of all. */
export function partitionsOf({ partitions }: Pick<KafkaStream, 'partitions'>, table: TableName): number {
  const matching = partitions.tables.filter(({ match }) => matchesTable(match, table));
  return (matching.find(({ match }) => exactTableId(match) !== null) ?? matching.at(-1))?.partitions ?? partitions.default;
}
