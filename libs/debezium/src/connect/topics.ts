import { tableId, type TableName } from '@elstream/core';
import { type Connector } from '../handling';
import { type PlanOptions, type TopicNames } from './plan-options';
import { refuse } from './refuse';

/** Kafka's limit; Debezium cuts longer names off silently. */
const MAX_LENGTH = 249;

export interface TopicSource {
  readonly connector: Connector;
  readonly topicPrefix: string;
  /** As the server spells it (SQL Server). */
  readonly database: string;
}

/**
 * The topic Debezium writes a table's events to: `<prefix>.<schema>.<table>`, SQL Server `<prefix>.<db>.<schema>.<table>`;
 * what a topic's name may not hold becomes `_`, one per UTF-16 unit as in Java.
 */
export function topicOf({ connector, topicPrefix, database }: TopicSource, table: TableName): string {
  const parts = connector === 'sqlserver' ? [topicPrefix, database, table.schema, table.name] : [topicPrefix, table.schema, table.name];
  return parts.join('.').replace(/[^A-Za-z0-9._-]/g, '_');
}

/** Where a PostgreSQL connector tells that it begins. */
export function notificationsTopic(topicPrefix: string): string {
  return `__debezium-notifications.${topicPrefix}`;
}

/**
 * All topics of a connector.
 *
 * @throws ElstreamError CONNECTOR_PLAN (refuse) naming two tables that share a topic, or a name too long for Kafka
 */
export function topicsOf(options: PlanOptions): TopicNames {
  const { connector, topicPrefix, source } = options;
  if (!/^[A-Za-z0-9._-]+$/.test(topicPrefix)) refuse(`topic prefix ${topicPrefix} may hold only letters, digits, dots, dashes and underscores`, { setting: 'topicPrefix' });
  const of = (table: TableName): string => topicOf({ connector, topicPrefix, database: source.database }, table);
  const seen = new Map<string, string>();
  const claim = (topic: string, owner: string, remedy: string): string => {
    if (topic.length > MAX_LENGTH) refuse(`the topic of ${owner} would have ${String(topic.length)} characters, Kafka allows ${String(MAX_LENGTH)}; choose a shorter topicPrefix`, { setting: 'topicPrefix' });
    // Kafka itself refuses names that differ in dots and underscores only: its metrics cannot tell them apart.
    const place = topic.replaceAll('.', '_');
    const other = seen.get(place);
    if (other !== undefined) refuse(`${other} and ${owner} would share the topic ${topic}; ${remedy}`, { setting: 'tables' });
    seen.set(place, owner);
    return topic;
  };
  const claimTable = (table: TableName): string => claim(of(table), `table ${tableId(table)}`, 'leave one of them to another pipeline');
  const claimOwn = (topic: string, owner: string): string => claim(topic, owner, 'choose another topicPrefix');
  const tables = options.tables.map(claimTable);
  return {
    tables,
    counter: claimTable(options.counterTable),
    notifications: connector === 'postgresql' ? claimOwn(notificationsTopic(topicPrefix), 'the notifications') : null,
    heartbeat: connector === 'sqlserver' ? claimOwn(`__debezium-heartbeat.${topicPrefix}`, 'the heartbeat') : null,
    schemaChanges: connector === 'sqlserver' ? claimOwn(topicPrefix, 'the record of schema changes') : null,
    schemaHistory: connector === 'sqlserver' ? claimOwn(options.schemaHistory.topic, 'the schema history') : null,
  };
}
