import { createHash } from 'node:crypto';
import { type HandlingModes } from '../handling';
import { checkExtra } from './fixed-settings';
import { excludeList, includeList, keyColumns } from './patterns';
import { type ConnectorPlan, type PlanOptions, type PostgresPlanOptions, type SqlServerPlanOptions, type TopicNames } from './plan-options';
import { refuse } from './refuse';
import { topicsOf } from './topics';

type Settings = Record<string, string>;

/**
 * The connector of a pipeline: its settings for Debezium 3.6, the form of its values and its topics.
 *
 * @throws ElstreamError CONNECTOR_PLAN (refuse) naming the setting or the tables
 */
export function planConnector(options: PlanOptions): ConnectorPlan {
  const extra = options.extra ?? {};
  checkExtra(extra);
  if (options.tables.length === 0) refuse(`pipeline ${options.pipeline} has no table to capture`, { setting: 'tables' });
  const handling = handlingOf(options);
  const topics = topicsOf(options);
  const own = options.connector === 'postgresql' ? { ...postgresSettings(options), ...notificationSettings(topics) } : sqlServerSettings(options);
  return { name: options.name, connector: options.connector, handling, topics, config: { ...commonSettings(options, handling), ...own, ...extra } };
}

/**
 * What loses nothing. PostgreSQL: isostring writes 24:00:00 as 00:00:00, and base64 an unchanged toasted bytea as NULL
 * (proven by recorded-*.kafka.spec.ts). SQL Server's times have 100 ns, which microseconds would cut.
 */
export const LOSSLESS_MODES = {
  postgresql: { time: 'microseconds', decimal: 'string', binary: 'bytes' },
  sqlserver: { time: 'isostring', decimal: 'string', binary: 'base64' },
} as const;

function handlingOf({ connector, pipeline, topicPrefix, unavailableValue }: PlanOptions): HandlingModes {
  const token = createHash('sha256').update(JSON.stringify([pipeline, topicPrefix])).digest('hex').slice(0, 24);
  return { ...LOSSLESS_MODES[connector], unavailableValue: unavailableValue ?? `__elstream_unavailable_${token}` };
}

function commonSettings(options: PlanOptions, handling: HandlingModes): Settings {
  const { source } = options;
  const captured = [...options.tables, options.counterTable];
  const excluded = excludeList(options.tables);
  const keys = keyColumns(options.tables);
  return {
    'tasks.max': '1',
    'topic.prefix': options.topicPrefix,
    'database.hostname': source.host,
    'database.port': String(source.port),
    'database.user': source.user,
    'database.password': source.password,
    'table.include.list': includeList(captured),
    ...(excluded === '' ? {} : { 'column.exclude.list': excluded }),
    ...(keys === '' ? {} : { 'message.key.columns': keys }),
    'snapshot.mode': 'no_data',
    'time.precision.mode': handling.time,
    'decimal.handling.mode': handling.decimal,
    'binary.handling.mode': handling.binary,
    'unavailable.value.placeholder': handling.unavailableValue,
    'event.processing.failure.handling.mode': 'fail',
    'event.converting.failure.handling.mode': 'fail',
    'skipped.operations': 'none',
    'skip.messages.without.change': 'false',
    'tombstones.on.delete': 'false',
    'provide.transaction.metadata': 'false',
    'extended.headers.enabled': 'false',
    // R11: the queue is bounded in bytes, not only in events.
    'max.queue.size.in.bytes': String(64 * 1024 * 1024),
    // Faults while streaming become a failed task within a minute, which whoever watches sees and starts again. A task that
    // cannot even begin (host, password) is *not* counted: it stays RUNNING without an end; `ConnectClient.validate` tells why.
    'errors.max.retries': '12',
    'retriable.restart.connector.wait.ms': '5000',
    ...converterSettings('key', false),
    ...converterSettings('value', options.schemas ?? false),
    // The other key of a key change: the worker's converter may be any, and the default one guesses types.
    ...converterSettings('header', false),
    'exactly.once.support': 'required',
    'transaction.boundary': 'poll',
    'producer.override.compression.type': options.compression ?? 'lz4',
    'producer.override.max.request.size': String(options.maxRequestBytes ?? 16 * 1024 * 1024),
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': String(options.replicas ?? -1),
  };
}

function converterSettings(side: 'key' | 'value' | 'header', schemas: boolean): Settings {
  return {
    [`${side}.converter`]: 'org.apache.kafka.connect.json.JsonConverter',
    [`${side}.converter.schemas.enable`]: String(schemas),
    [`${side}.converter.replace.null.with.default`]: 'false',
  };
}

function postgresSettings({ source, slot, publication }: PostgresPlanOptions): Settings {
  if (source.readReplica) refuse('a read replica of PostgreSQL is named as the source itself; remove readReplica', { setting: 'readReplica' });
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'database.dbname': source.database,
    ...postgresTls(source.tls),
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    'publication.name': publication,
    'publication.autocreate.mode': 'disabled',
    // A heartbeat stores the end of a commit, where the next record of a transaction that is still open may begin: after a
    // restart that and what its transaction wrote before would be left out (resume-loss.kafka.spec.ts; debezium/dbz#76).
    'heartbeat.interval.ms': '0',
    // A slot beyond our offset is another slot (or somebody moved it): the default would go on there without a word. One that
    // fell behind it is moved up: transactions before it, if read again, would have parts of the next repeated.
    'offset.mismatch.strategy': 'trust_offset',
    'lsn.flush.mode': 'connector',
    'status.update.interval.ms': '5000',
    'slot.max.retries': '6',
    'slot.retry.delay.ms': '5000',
    'interval.handling.mode': 'string',
    'hstore.handling.mode': 'json',
    'include.unknown.datatypes': 'true',
    'schema.refresh.mode': 'columns_diff',
  };
}

/**
 * One record at every start of the task, also of one that Debezium makes by itself: an LSN may be of several events, and
 * those behind the last delivered one are left out then.
 */
function notificationSettings({ notifications }: TopicNames): Settings {
  return notifications === null ? {} : { 'notification.enabled.channels': 'sink', 'notification.sink.topic.name': notifications };
}

function postgresTls(tls: PostgresPlanOptions['source']['tls']): Settings {
  if (tls === undefined) return {};
  const mode = { off: 'disable', encrypt: 'require', verify: 'verify-full' }[tls.mode];
  return { 'database.sslmode': mode, ...(tls.caFile === undefined ? {} : { 'database.sslrootcert': tls.caFile }) };
}

function sqlServerSettings({ source, schemaHistory, heartbeatMs = 1_000 }: SqlServerPlanOptions): Settings {
  if (heartbeatMs < 1) refuse('heartbeatMs must be at least 1: without heartbeats the last transaction of an idle source never counts as delivered', { setting: 'heartbeatMs' });
  if (/[,\s]/.test(source.database)) refuse(`the database's name ${source.database} cannot be given to Debezium: a comma or a space parts its list of databases`, { setting: 'source.database' });
  const client = Object.entries(schemaHistory.client ?? {});
  return {
    'connector.class': 'io.debezium.connector.sqlserver.SqlServerConnector',
    'database.names': source.database,
    'heartbeat.interval.ms': String(heartbeatMs),
    ...sqlServerTls(source.tls),
    ...(source.readReplica ? { 'driver.applicationIntent': 'ReadOnly' } : {}),
    'snapshot.isolation.mode': 'snapshot',
    'data.query.mode': 'direct',
    'streaming.fetch.size': '0',
    'include.schema.changes': 'true',
    'schema.history.internal': 'io.debezium.storage.kafka.history.KafkaSchemaHistory',
    'schema.history.internal.kafka.bootstrap.servers': schemaHistory.brokers.join(','),
    'schema.history.internal.kafka.topic': schemaHistory.topic,
    'schema.history.internal.store.only.captured.tables.ddl': 'false',
    ...Object.fromEntries(['producer', 'consumer'].flatMap((side) => client.map(([key, value]) => [`schema.history.internal.${side}.${key}`, value]))),
  };
}

function sqlServerTls(tls: SqlServerPlanOptions['source']['tls']): Settings {
  if (tls === undefined) return {};
  return {
    'driver.encrypt': String(tls.mode !== 'off'),
    ...(tls.mode === 'off' ? {} : { 'driver.trustServerCertificate': String(tls.mode === 'encrypt') }),
    ...(tls.caFile === undefined ? {} : { 'driver.trustStore': tls.caFile }),
  };
}
