import type { Product } from '@elstream/core';
import { endpointOf, isLoopback } from './connection-url';
import type { SettingProblem } from './issues';
import type { PipelineConfig } from './pipeline-schema';
import type { KafkaStream } from './stream-setting';
import { exactTableId, matchesTable, parseTablePattern } from './table-pattern';

/** Keys of the connector that a setting of the pipeline file gives, so that both could differ. */
const OWN_KEYS: Readonly<Record<string, string>> = {
  name: 'stream.connect.name',
  'connector.class': 'source.type',
  'topic.prefix': 'stream.topicPrefix',
  'slot.name': 'stream.slotName',
  'publication.name': 'stream.publicationName',
  'database.hostname': 'stream.source.host',
  'database.port': 'stream.source.port',
  'database.dbname': 'source.url',
  'database.names': 'source.url',
  'database.user': 'source.url',
  'database.password': 'source.url',
  'table.include.list': 'tables.include',
  'table.exclude.list': 'tables.exclude',
  'key.converter.schemas.enable': 'stream.schemas',
  'value.converter.schemas.enable': 'stream.schemas',
  'producer.override.compression.type': 'stream.compression',
  'schema.history.internal.kafka.topic': 'stream.schemaHistoryTopic',
  'driver.applicationIntent': 'stream.readReplica',
  'driver.encrypt': 'source.url',
  'driver.trustServerCertificate': 'source.url',
};

/** Settings of a Kafka stream that exclude each other or have no effect. */
export function streamProblems(config: PipelineConfig): SettingProblem[] {
  const { stream } = config;
  if (stream.type === 'direct') return [];
  return [...securityProblems(stream), ...connectorProblems(stream), ...tableProblems(config, stream), ...sourceProblems(config, stream), ...connectorOfProduct(config.source.type, stream)];
}

const at = (path: readonly PropertyKey[], message: string): SettingProblem => ({ path: ['stream', ...path], message });

function securityProblems({ tls, connect }: KafkaStream): SettingProblem[] {
  const out: SettingProblem[] = [];
  if (tls !== null && (tls.cert === undefined) !== (tls.key === undefined)) {
    const [has, lacks] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    out.push(at(['tls', lacks], `is missing, while stream.tls.${has} is given; give both, or neither`));
  }
  const { username, password } = new URL(connect.url);
  if (username !== '' || password !== '') out.push(at(['connect', 'url'], 'holds a user or password; give them as stream.connect.user and stream.connect.password'));
  if ((connect.user === null) !== (connect.password === null)) {
    const [has, lacks] = connect.user === null ? ['password', 'user'] : ['user', 'password'];
    out.push(at(['connect', lacks], `is missing, while stream.connect.${has} is given; give both, or neither`));
  }
  return out;
}

function connectorProblems({ connector }: KafkaStream): SettingProblem[] {
  return Object.keys(connector).flatMap((key) => (Object.hasOwn(OWN_KEYS, key) ? [at(['connector', key], `is what ${String(OWN_KEYS[key])} says; set it there`)] : []));
}

function tableProblems({ tables }: PipelineConfig, { partitions, counterTable }: KafkaStream): SettingProblem[] {
  const out: SettingProblem[] = [];
  const ids = partitions.tables.map(({ match }) => exactTableId(match) ?? match);
  partitions.tables.forEach(({ match }, i) => {
    if (ids.indexOf(ids[i] ?? '') < i) out.push(at(['partitions', match], 'names a table a second time; remove one'));
    const pattern = parseTablePattern(match);
    if (pattern?.kind !== 'exact') return;
    const selected = tables.include.some((p) => matchesTable(p, pattern.table)) && !tables.exclude.some((p) => matchesTable(p, pattern.table));
    if (!selected) out.push(at(['partitions', match], 'names a table that is not replicated; add it to tables.include or remove it here'));
  });
  tables.include.forEach((entry, i) => {
    if (parseTablePattern(entry)?.kind === 'exact' && matchesTable(entry, counterTable)) {
      out.push({ path: ['tables', 'include', i], message: `names the counter's table, which is never replicated; remove it, or set another stream.counterTable` });
    }
  });
  return out;
}

/** Loopback in one place is another machine in another: Connect would ask its own. */
function sourceProblems({ source }: PipelineConfig, stream: KafkaStream): SettingProblem[] {
  const { host } = stream.source;
  if (host.startsWith('/')) return [at(['source', 'host'], 'is missing, while source.url leads to a socket, which Kafka Connect cannot use; name the host as Connect sees it')];
  if (!isLoopback(host) || isLoopback(new URL(stream.connect.url).hostname)) return [];
  return [at(['source', 'host'], `leads to this machine${host === endpointOf(source.url).host ? ', as source.url does' : ''}, while Kafka Connect runs on another; name the source as Connect sees it`)];
}

function connectorOfProduct(type: Product, { readReplica, schemaHistoryTopic, topicPrefix }: KafkaStream): SettingProblem[] {
  if (type !== 'postgres') return [];
  const message = "is of SQL Server's connector and without effect while source.type is postgres; remove it";
  return [...(readReplica ? [at(['readReplica'], message)] : []), ...(schemaHistoryTopic === `${topicPrefix}.schema-history` ? [] : [at(['schemaHistoryTopic'], message)])];
}
