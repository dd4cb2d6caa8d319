import { refuse } from './refuse';

const PLAN = 'follows from the pipeline file; change it there';
const VALUES = 'the decoder reads values in exactly this form';
const EVENTS = 'every change must become one event that can be read';
const OFFSETS = 'a lost slot or offset must be a failed task, not silently lost changes';
const NAMES = 'topics and names of fields are known before capture begins';
const ONCE = 'parts of transactions must not be repeated';
const CONVERTER = 'topics hold JSON of stable key bytes, NULLs as they are';

/** Settings that correctness depends on, with the reason; a `*` at the end stands for any rest. */
export const FIXED_SETTINGS: Readonly<Record<string, string>> = {
  name: PLAN,
  'connector.class': PLAN,
  'tasks.max': 'one database is captured by one task',
  'topic.prefix': PLAN,
  'database.hostname': PLAN,
  'database.port': PLAN,
  'database.user': PLAN,
  'database.password': PLAN,
  'database.dbname': PLAN,
  'database.names': PLAN,
  'database.instance': 'it replaces the port; give the port of the instance in the pipeline file',
  'table.include.list': PLAN,
  'table.exclude.list': PLAN,
  'schema.include.list': PLAN,
  'schema.exclude.list': PLAN,
  'column.include.list': PLAN,
  'column.exclude.list': PLAN,
  'message.key.columns': 'the key of an event is the key of the table in the warehouse',
  'slot.name': PLAN,
  'publication.name': PLAN,
  'plugin.name': 'our slot is of pgoutput',
  'publication.autocreate.mode': 'the publication is ours; tables enter it after their replica identity is checked',
  'replica.identity.autoset.values': 'the source is not altered unasked',
  'publish.via.partition.root': 'it would move events to other topics',
  'slot.drop.on.stop': OFFSETS,
  'slot.stream.params': OFFSETS,
  'offset.mismatch.strategy': OFFSETS,
  'slot.seek.to.known.offset.on.start': OFFSETS,
  'internal.log.position.check.enable': OFFSETS,
  'lsn.flush.mode': OFFSETS,
  'flush.lsn.source': OFFSETS,
  'snapshot.mode*': `elstream preloads by itself, and ${OFFSETS}`,
  'time.precision.mode': VALUES,
  'decimal.handling.mode': VALUES,
  'binary.handling.mode': VALUES,
  'interval.handling.mode': VALUES,
  'hstore.handling.mode': VALUES,
  'unavailable.value.placeholder': VALUES,
  'include.unknown.datatypes': VALUES,
  'converters*': VALUES,
  'post.processors*': VALUES,
  'column.mask*': 'masks are given in the pipeline file, where preload and validation see them',
  'column.truncate*': VALUES,
  'transforms*': EVENTS,
  'skipped.operations': EVENTS,
  'skip.messages.without.change': EVENTS,
  'tombstones.on.delete': 'a deleted row is one event',
  'event.processing.failure.handling.mode': EVENTS,
  'event.converting.failure.handling.mode': EVENTS,
  'errors.tolerance': EVENTS,
  'schema.refresh.mode': EVENTS,
  'schema.history.internal.skip.unparseable.ddl': EVENTS,
  'data.query.mode': 'pages cut inside a transaction can skip or repeat rows in this mode',
  'streaming.fetch.size': 'pages cut inside a transaction can skip or repeat rows',
  'schema.history.internal': PLAN,
  'schema.history.internal.kafka.topic': PLAN,
  'schema.history.internal.kafka.bootstrap.servers': PLAN,
  'topic.naming.strategy': NAMES,
  'topic.delimiter': NAMES,
  'custom.sanitize.pattern': NAMES,
  'schema.name.adjustment.mode': NAMES,
  'field.name.adjustment.mode': NAMES,
  'sourceinfo.struct.maker': NAMES,
  'exactly.once.support': ONCE,
  'transaction.boundary*': ONCE,
  'producer.override.transactional.id': ONCE,
  'producer.override.enable.idempotence': ONCE,
  'producer.override.acks': ONCE,
  'producer.override.partitioner.class': 'a key lives in one partition',
  'producer.override.partitioner.ignore.keys': 'a key lives in one partition',
  'heartbeat.interval.ms': 'of PostgreSQL, heartbeats would have changes left out after a restart; of SQL Server, a commit counts as delivered with the next record only',
  'heartbeat.topics.prefix': NAMES,
  'topic.heartbeat.*': NAMES,
  'notification.*': 'they tell where capture began again, and may have left changes out',
  'key.converter*': CONVERTER,
  'value.converter*': CONVERTER,
  'header.converter*': 'headers hold the other key of a key change',
};

/**
 * @param extra the user's settings
 * @throws ElstreamError CONNECTOR_PLAN (refuse) naming the first setting that is fixed, and why
 */
export function checkExtra(extra: Readonly<Record<string, string>>): void {
  for (const setting of Object.keys(extra)) {
    const why = reasonOf(setting);
    if (why !== undefined) refuse(`the connector's setting ${setting} cannot be set: ${why}`, { setting });
  }
}

function reasonOf(setting: string): string | undefined {
  if (Object.hasOwn(FIXED_SETTINGS, setting)) return FIXED_SETTINGS[setting];
  return Object.entries(FIXED_SETTINGS).find(([fixed]) => fixed.endsWith('*') && setting.startsWith(fixed.slice(0, -1)))?.[1];
}
