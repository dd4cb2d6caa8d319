import type { TableName } from '@elstream/core';
import { databaseOf, serverOf } from './connection-url';
import { effectiveSetting } from './effective-setting';
import { foldTable } from './name-limit';
import { publicationName, slotName } from './names';
import type { PipelineConfig } from './pipeline-schema';
import type { ConfigProblem } from './problem';
import type { KafkaStream } from './stream-setting';
import { parseTablePattern } from './table-pattern';

interface Named {
  readonly file: string;
  readonly config: PipelineConfig;
}

/** What two pipelines of one installation must not share, as far as seen from the files. */
export function crossPipelineProblems(pipelines: readonly Named[]): ConfigProblem[] {
  const names = duplicates(pipelines, 'name', ({ config }) => [[config.name, `is the name ${config.name}`]]);
  const slots = duplicates(pipelines, 'stream.slotName', ({ config }) => ofPostgres(config, [`${serverOf(config.source.url)} ${slotName(config)}`, `is the slot ${slotName(config)} of the same server`]));
  const publications = duplicates(pipelines, 'stream.publicationName', ({ config }) =>
    ofPostgres(config, [`${databaseOf(config.source.url)} ${publicationName(config)}`, `is the publication ${publicationName(config)} of the same database`]),
  );
  const kafka = [
    ...duplicates(pipelines, 'stream.topicPrefix', ({ config }) => ofKafka(config, (stream) => clusters(stream).map((cluster) => [`${cluster} ${stream.topicPrefix}`, `is the topic prefix ${stream.topicPrefix} of the same Kafka`]))),
    ...duplicates(pipelines, 'stream.groupId', ({ config }) => ofKafka(config, (stream) => stream.brokers.map((broker) => [`${broker.toLowerCase()} ${stream.groupId}`, `is the consumer group ${stream.groupId} of the same Kafka`]))),
    ...duplicates(pipelines, 'stream.connect.name', ({ config }) => ofKafka(config, ({ connect }) => [[`${connectOf(connect.url)} ${connect.name}`, `is the connector ${connect.name} of the same Kafka Connect`]])),
  ];
  const targets = duplicates(pipelines, 'tables', ({ config }) => exactTargets(config));
  // Pipelines of one name share all derived names as well: said once.
  return names.length > 0 ? names : [...slots, ...publications, ...kafka, ...targets];
}

/** Slots and publications are PostgreSQL's. */
function ofPostgres({ source }: PipelineConfig, key: readonly [string, string]): (readonly [string, string])[] {
  return source.type === 'postgres' ? [key] : [];
}

function ofKafka(config: PipelineConfig, keys: (stream: KafkaStream) => (readonly [string, string])[]): (readonly [string, string])[] {
  return config.stream.type === 'kafka' ? keys(config.stream) : [];
}

/** What tells a Kafka: each of its brokers, and the Connect that writes to it. */
function clusters({ brokers, connect }: KafkaStream): string[] {
  return [...brokers.map((broker) => broker.toLowerCase()), connectOf(connect.url)];
}

/** Scheme, host and port are spelled in one way by the URL itself. */
const connectOf = (url: string): string => new URL(url).href;

/** Targets, history tables included, of the tables that are included by exact name: [key, in words]. */
function exactTargets(config: PipelineConfig): (readonly [string, string])[] {
  return config.tables.include.flatMap((match) => {
    const table = parseTablePattern(match);
    if (table?.kind !== 'exact') return [];
    const { targetSchema, targetName, history } = effectiveSetting(config, table.table);
    const target = { schema: targetSchema ?? config.warehouse.schema ?? table.table.schema, name: targetName ?? table.table.name };
    const key = (name: TableName): string => `${databaseOf(config.warehouse.url)} ${foldTable(name, config.warehouse.type)}`;
    const archive = history === null ? null : { schema: history.target.schema ?? target.schema, name: history.target.name ?? `${target.name}_archive` };
    const rows = [key(target), `writes ${match} into the same target table`] as const;
    return archive === null ? [rows] : [rows, [key(archive), `writes the history of ${match} into the same target table`] as const];
  });
}

function duplicates(pipelines: readonly Named[], setting: string, keysOf: (pipeline: Named) => readonly (readonly [string, string])[]): ConfigProblem[] {
  const first = new Map<string, Named>();
  return pipelines.flatMap((pipeline) => {
    const messages = keysOf(pipeline).flatMap(([key, words]) => {
      const other = first.get(key);
      if (other === undefined) first.set(key, pipeline);
      return other === undefined || other === pipeline ? [] : [`${words} as in ${other.file}; give each pipeline its own`];
    });
    // Two keys may tell of one thing, as two brokers do of one Kafka.
    return [...new Set(messages)].map((message) => ({ file: pipeline.file, line: null, setting, message }));
  });
}
