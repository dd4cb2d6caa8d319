import { z } from 'zod';
import { pemOf } from './kafka-tls';
import { optionalBytes, optionalFlag, optionalInteger, optionalMilliseconds, parseQuantity, text, unset } from './setting';
import { exactTableId, parseTablePattern } from './table-pattern';

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** What holds where the file says nothing; names made from the pipeline's are in `names.ts`. */
export const KAFKA_DEFAULTS = {
  clientId: 'elstream',
  partitions: 3,
  retention: '7d',
  fetchBytes: '8MiB',
  partitionFetchBytes: '1MiB',
  concurrency: 4,
  sessionTimeout: '30s',
  counterTable: 'elstream.counter',
  compression: 'lz4',
} as const;

const MAX_PARTITIONS = 1_000;
/** No address of IPv6 in brackets: kafkajs ends a host at its first colon. */
const BROKER = /^[^\s:[\]/@,]+:(\d{1,5})$/i;

const code = (word: string | number): string => `\`${word}\``;
const isBroker = (given: string): boolean => {
  const port = Number(BROKER.exec(given)?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
};
const isConnectUrl = (given: string): boolean => URL.canParse(given) && /^https?:$/.test(new URL(given).protocol);
const secret = (help: string) => text(help, 'a text that is not empty', (given) => given !== '');
/** Kafka takes 249 characters for a topic; schema and table follow the prefix. */
const topicName = (help: string, max: number) => text(help, `of A-Z, a-z, 0-9, ., _ and -, at most ${max} long`, (name) => /^[\w.-]+$/.test(name) && name.length <= max && name !== '.' && name !== '..');
const word = (help: string) => text(help, 'of A-Z, a-z, 0-9, ., _ and -, at most 200 long', (name) => /^[\w.-]{1,200}$/.test(name));

const brokersWanted = 'must be a list of host:port, or a text such as one:9092,two:9092; give a host with an IPv6 address by its name';
const brokers = z
  .union([z.array(z.string()), z.string()], { error: brokersWanted })
  .transform((given, context) => {
    const all = [given].flat().flatMap((entry) => entry.split(',').map((broker) => broker.trim()));
    if (all.length > 0 && all.every(isBroker)) return [...new Set(all)];
    context.addIssue({ code: 'custom', message: brokersWanted });
    return z.NEVER;
  });

const pem = (help: string, fallback: string) =>
  unset(
    text('', 'PEM text or the path of a PEM file', (given) => given.trim() !== '').transform(pemOf),
    help,
    fallback,
  );

const tlsWanted = 'must be true, false, or a group of ca, cert, key, rejectUnauthorized and servername';
const tls = z
  .union(
    [
      z.boolean(),
      z.enum(['true', 'false']),
      z.strictObject({
        ca: pem('Authorities that sign the certificates of the brokers.', "the system's"),
        cert: pem('Our certificate.', 'none'),
        key: pem('Its key.', 'none'),
        rejectUnauthorized: optionalFlag('Whether a certificate that is not trusted is refused.', 'true'),
        servername: unset(text('', 'a host name', (given) => given !== ''), 'Name that the certificates must bear.', "the broker's host"),
      }),
    ],
    { error: tlsWanted },
  )
  .transform((given) => (typeof given === 'object' ? { ...given, rejectUnauthorized: given.rejectUnauthorized ?? true } : given === true || given === 'true' ? { rejectUnauthorized: true } : null));

const partitionsWanted = `must be a whole number from 1 to ${MAX_PARTITIONS}, or a mapping of tables and patterns to such numbers`;
const partitions = z
  .union([z.number(), z.string(), z.record(z.string(), z.union([z.number(), z.string()]))], { error: partitionsWanted })
  .transform((given, context) => {
    const count = (value: string | number): number => {
      const parsed = parseQuantity(value, 'integer');
      return parsed === null || parsed < 1 || parsed > MAX_PARTITIONS ? 0 : parsed;
    };
    const all = typeof given === 'object' ? count(KAFKA_DEFAULTS.partitions) : count(given);
    const tables = typeof given === 'object' ? Object.entries(given).map(([match, value]) => ({ match, partitions: count(value) })) : [];
    if (all > 0 && tables.every((table) => table.partitions > 0 && parseTablePattern(table.match) !== null)) return { default: all, tables };
    context.addIssue({ code: 'custom', message: partitionsWanted });
    return z.NEVER;
  });

const connectorWanted = 'must be a mapping of keys of the connector to texts, numbers, true or false';

/**
 * Settings of `stream` that only `type: kafka` has. None has a default here, so that one without effect is seen and
 * refused; `streamSettings` fills them in.
 */
export const kafkaShape = {
  brokers: unset(brokers, 'Kafka: some of the brokers, the rest are learned from them; a list, or one text with commas.', 'required with Kafka').meta({ 'x-unit': 'list of `host:port`' }),
  clientId: unset(word(''), 'Kafka: as brokers show us in their logs and quotas.', code(KAFKA_DEFAULTS.clientId)),
  tls: unset(tls, 'Kafka: TLS to the brokers; true, or a group { ca, cert, key, rejectUnauthorized, servername }, the first three as PEM text or path of a PEM file.', '`false`').meta({ 'x-unit': '`true`, `false`, group' }),
  sasl: unset(
    z.strictObject({
      mechanism: z.enum(MECHANISMS, { error: `must be ${MECHANISMS.map((v) => `'${v}'`).join(' or ')}` }).meta({ description: 'Kafka: how we prove who we are.' }),
      username: secret('Kafka: user at the brokers.'),
      password: secret('Kafka: password of the user; give it as ${SECRET}.'),
    }),
    'Kafka: login at the brokers.',
    'none',
  ),
  connect: unset(
    z.strictObject({
      url: text('Kafka: REST API of Kafka Connect, whose workers run with exactly.once.source.support=enabled.', 'a URL such as http://connect:8083', isConnectUrl),
      user: unset(secret(''), 'Kafka: user at Kafka Connect.', 'none'),
      password: unset(secret(''), 'Kafka: password of the user; give it as ${SECRET}.', 'none'),
      name: unset(word(''), 'Kafka: name of the connector.', '`elstream_NAME`'),
    }),
    'Kafka: the Kafka Connect that captures.',
    'required with Kafka',
  ),
  topicPrefix: unset(topicName('', 100), 'Kafka: what the names of topics begin with, as in PREFIX.schema.table; of this pipeline alone.', '`elstream.NAME`'),
  partitions: unset(partitions, 'Kafka: partitions of the topic of each table, or a mapping of tables and patterns to their number; 1 for tables that are truncated. Holds for topics that are made.', code(KAFKA_DEFAULTS.partitions)).meta({ 'x-unit': 'number, or mapping' }),
  replicas: optionalInteger({ min: 1, max: 100, unit: 'brokers', help: 'Kafka: brokers that keep each topic.' }, "the brokers' default"),
  retention: optionalMilliseconds({ min: 60_000, max: 3650 * 86_400_000, help: 'Kafka: how long topics keep events; a streamer that was away longer preloads again. Holds for topics that are made: of others a run says in a warning what they have, and how to change it.' }, code(KAFKA_DEFAULTS.retention)),
  schemas: optionalFlag('Kafka: whether events carry their schemas; they grow several times as large.', 'false'),
  compression: unset(z.enum(COMPRESSIONS, { error: `must be ${COMPRESSIONS.map((v) => `'${v}'`).join(' or ')}` }), 'Kafka: how the connector packs events.', code(KAFKA_DEFAULTS.compression)),
  fetchBytes: optionalBytes({ min: 1024, max: 2 ** 30, help: 'Kafka: most bytes of one fetch; a single larger event still passes.' }, code(KAFKA_DEFAULTS.fetchBytes)),
  partitionFetchBytes: optionalBytes({ min: 1024, max: 2 ** 30, help: 'Kafka: most bytes of one partition in a fetch.' }, code(KAFKA_DEFAULTS.partitionFetchBytes)),
  concurrency: optionalInteger({ min: 1, max: 64, unit: 'partitions', help: 'Kafka: partitions applied at once by each streamer.' }, code(KAFKA_DEFAULTS.concurrency)),
  sessionTimeout: optionalMilliseconds({ min: 1_000, max: 1_800_000, help: 'Kafka: after this silence the partitions of a streamer go to others.' }, code(KAFKA_DEFAULTS.sessionTimeout)),
  groupId: unset(word(''), 'Kafka: consumer group of the streamers, for rebalancing and lag tools; of this pipeline alone.', '`elstream-NAME`'),
  counterTable: unset(text('', 'a table as schema.table', (name) => exactTableId(name) !== null), 'Kafka: table at the source that holds the counter; captured, never replicated.', code(KAFKA_DEFAULTS.counterTable)),
  readReplica: optionalFlag('Kafka: whether the connector reads a read-only replica; SQL Server only.', 'false'),
  source: z
    .strictObject({
      host: unset(text('', 'a host name', (given) => /^[^\s/@]+$/.test(given)), 'Kafka: host of the source as Kafka Connect sees it.', 'that of source.url'),
      port: optionalInteger({ min: 1, max: 65_535, unit: 'port', help: 'Kafka: port of the source as Kafka Connect sees it.' }, 'that of source.url'),
    })
    .optional()
    .meta({ description: 'Kafka: the source as Kafka Connect sees it.' }),
  connector: unset(
    z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()], { error: connectorWanted }), { error: connectorWanted })
      .transform((given) => Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]))),
    "Kafka: settings of Debezium's connector, laid over ours.",
    'none',
  ).meta({ 'x-unit': 'mapping' }),
  schemaHistoryTopic: unset(topicName('', 249), "Kafka: topic of the connector's schema history; SQL Server only.", '`PREFIX.schema-history`'),
} as const;
