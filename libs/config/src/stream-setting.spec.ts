import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { checkPipelineText, type KafkaStream, loadPipelineDirectory, loadPipelineText, partitionsOf, publicationName, readTls, slotName, tableSelection } from './index';

const base = {
  name: 'my-shop',
  source: { url: 'postgres://app@src:5433/shop' },
  warehouse: { url: 'postgres://app@wh/dwh' },
  tables: { include: ['public.*'] },
};
const kafka = { type: 'kafka', brokers: ['one:9092'], connect: { url: 'http://connect:8083' } };

const text = (stream: object, more: object = {}): string => stringify({ ...base, ...more, stream });
const problemsOf = (stream: object, more: object = {}): string[] => checkPipelineText(text(stream, more), 'p.yaml', {}).problems.map((p) => `${p.setting} ${p.message}`);

function load(more: object, env: Record<string, string> = {}): KafkaStream {
  const { stream } = loadPipelineText(text({ ...kafka, ...more }), env).config;
  if (stream.type !== 'kafka') throw new Error('no Kafka');
  return stream;
}

describe('the stream of a pipeline file', () => {
  it('is direct by default, and has nothing of Kafka then', () => {
    const { config } = loadPipelineText(stringify(base), {});
    expect(config.stream).toEqual({ type: 'direct', maxBatchEvents: 20_000, maxBatchBytes: 2 ** 24, lingerMs: 50, counterIntervalMs: 10_000, slotName: undefined, publicationName: undefined });
    expect(loadPipelineText(text({ type: 'direct' }), {}).config).toEqual(config);
  });

  it('through Kafka needs the brokers and Kafka Connect; names and limits have defaults', () => {
    expect(load({})).toEqual({
      type: 'kafka',
      maxBatchEvents: 20_000,
      maxBatchBytes: 2 ** 24,
      lingerMs: 50,
      counterIntervalMs: 10_000,
      slotName: undefined,
      publicationName: undefined,
      brokers: ['one:9092'],
      clientId: 'elstream',
      tls: null,
      sasl: null,
      connect: { url: 'http://connect:8083', user: null, password: null, name: 'elstream_my_shop' },
      topicPrefix: 'elstream.my-shop',
      partitions: { default: 3, tables: [] },
      replicas: null,
      retentionMs: 7 * 86_400_000,
      schemas: false,
      compression: 'lz4',
      fetchBytes: 2 ** 23,
      partitionFetchBytes: 2 ** 20,
      concurrency: 4,
      sessionTimeoutMs: 30_000,
      groupId: 'elstream-my-shop',
      counterTable: { schema: 'elstream', name: 'counter' },
      readReplica: false,
      source: { host: 'src', port: 5433 },
      connector: {},
      schemaHistoryTopic: 'elstream.my-shop.schema-history',
    });
  });

  it('has slot and publication named as those of a direct stream', () => {
    const { config } = loadPipelineText(text({ ...kafka, slotName: 's' }), {});
    expect([slotName(config), publicationName(config)]).toEqual(['s', 'elstream_my_shop']);
  });

  it.each([
    ['a list', ['one:9092', 'two:9093']],
    ['one text', 'one:9092, two:9093'],
    ['the environment', '${BROKERS}'],
    ['a list with one of the environment in it', ['one:9092', '${BROKERS}']],
  ])('takes brokers as %s', (_name, brokers) => expect(load({ brokers }, { BROKERS: 'one:9092,two:9093' }).brokers).toEqual(['one:9092', 'two:9093']));

  it('takes quantities as sizes, durations and from the environment', () => {
    const more = { retention: '36h', sessionTimeout: '45s', fetchBytes: '2MiB', concurrency: '${N}', replicas: 3, schemas: '${S}', source: { port: '${P}' } };
    expect(load(more, { N: '8', S: 'true', P: '15432' })).toMatchObject({ retentionMs: 129_600_000, sessionTimeoutMs: 45_000, fetchBytes: 2 ** 21, concurrency: 8, replicas: 3, schemas: true, source: { host: 'src', port: 15_432 } });
  });

  it('takes settings of the connector as texts, numbers and words', () => expect(load({ connector: { 'max.batch.size': 512, 'poll.interval.ms': '${P}', 'errors.log.enable': true } }, { P: '100' }).connector).toEqual({ 'max.batch.size': '512', 'poll.interval.ms': '100', 'errors.log.enable': 'true' }));

  it('gives each table its partitions: exact names before patterns, later patterns before earlier ones', () => {
    const stream = load({ partitions: { 'public.one': 1, '*': 6, 'public.*': '${N}' } }, { N: '2' });
    const of = (schema: string, name: string): number => partitionsOf(stream, { schema, name });
    expect([of('public', 'one'), of('public', 'two'), of('other', 'two')]).toEqual([1, 2, 6]);
    expect(partitionsOf(load({ partitions: 5 }), { schema: 'a', name: 'b' })).toBe(5);
    expect(partitionsOf(load({ partitions: { 'public.one': 1 } }), { schema: 'a', name: 'b' })).toBe(3);
  });

  it('never replicates its counter table by a pattern', () => {
    const { config } = loadPipelineText(text({ ...kafka, counterTable: 'public.beat' }), {});
    expect(tableSelection(config).exclude).toEqual(['public.beat']);
  });

  const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';

  it.each([
    [true, { rejectUnauthorized: true }],
    ['true', { rejectUnauthorized: true }],
    [false, null],
    [{}, { rejectUnauthorized: true }],
    [{ ca: PEM, servername: 'kafka', rejectUnauthorized: 'false' }, { ca: { kind: 'text', text: PEM }, servername: 'kafka', rejectUnauthorized: false }],
    [{ ca: PEM.replaceAll('\n', '\\n') }, { ca: { kind: 'text', text: PEM }, rejectUnauthorized: true }],
    [{ cert: '/run/c.pem', key: '/run/k.pem' }, { cert: { kind: 'file', file: '/run/c.pem' }, key: { kind: 'file', file: '/run/k.pem' }, rejectUnauthorized: true }],
  ])('takes the TLS %j', (tls, expected) => expect(load({ tls }).tls).toEqual(expected));

  it('reads files of TLS when it connects, and names the setting of one that is missing or no PEM', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-tls-'));
    const file = path.join(folder, 'ca.pem');
    try {
      writeFileSync(file, PEM);
      expect(readTls({ ca: { kind: 'file', file }, rejectUnauthorized: true })).toEqual({ ca: PEM, rejectUnauthorized: true });
      writeFileSync(file, 'no');
      expect(() => readTls({ cert: { kind: 'file', file }, rejectUnauthorized: true })).toThrow(/stream\.tls\.cert names a file that holds no PEM; give/);
      expect(() => readTls({ key: { kind: 'file', file: `${file}.none` }, rejectUnauthorized: true })).toThrow(/stream\.tls\.key names a file that cannot be read; give/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a stream is refused by name', () => {
  const table = { tables: { include: ['public.a'] } };
  it.each([
    ['another type', { type: 'rabbit' }, {}, "stream.type must be 'direct' or 'kafka'"],
    ['no brokers', { type: 'kafka', connect: kafka.connect }, {}, 'stream.brokers is missing'],
    ['no Kafka Connect', { type: 'kafka', brokers: kafka.brokers }, {}, 'stream.connect is missing'],
    ['settings of Kafka with a direct stream', { retention: '1d' }, {}, 'stream.retention is without effect while stream.type is direct; remove it, or set stream.type: kafka'],
    ['a broker without a port', { ...kafka, brokers: ['one'] }, {}, 'stream.brokers must be a list of host:port'],
    ['a broker by its IPv6 address', { ...kafka, brokers: ['[::1]:9092'] }, {}, 'give a host with an IPv6 address by its name'],
    ['no broker in the list', { ...kafka, brokers: [] }, {}, 'stream.brokers must be a list of host:port'],
    ['a name misspelt', { ...kafka, maxBatchByte: 5 }, {}, "stream.maxBatchByte is not a setting; did you mean 'maxBatchBytes'?"],
    ['a name misspelt in a group', { ...kafka, sasl: { mechanism: 'plain', user: 'u', username: 'u', password: 'p' } }, {}, 'stream.sasl.user is not a setting'],
    ['another mechanism', { ...kafka, sasl: { mechanism: 'gssapi', username: 'u', password: 'p' } }, {}, "stream.sasl.mechanism must be 'plain' or 'scram-sha-256'"],
    ['a topic prefix with a slash', { ...kafka, topicPrefix: 'a/b' }, {}, 'stream.topicPrefix must be of A-Z, a-z, 0-9, ., _ and -'],
    ['no partition', { ...kafka, partitions: 0 }, {}, 'stream.partitions must be a whole number from 1 to 1000, or a mapping'],
    ['no partition of a table', { ...kafka, partitions: { 'public.a': 0 } }, {}, 'stream.partitions must be a whole number from 1 to 1000, or a mapping'],
    ['partitions of what is no table', { ...kafka, partitions: { a: 1 } }, {}, 'stream.partitions must be a whole number'],
    ['partitions of a table that is not replicated', { ...kafka, partitions: { 'public.b': 1 } }, table, 'stream.partitions["public.b"] names a table that is not replicated'],
    ['partitions of a table twice', { ...kafka, partitions: { 'public.a': 1, 'public."a"': 2 } }, table, 'names a table a second time'],
    ['a certificate without its key', { ...kafka, tls: { cert: 'c.pem' } }, {}, 'stream.tls.key is missing, while stream.tls.cert is given'],
    ['TLS of another form', { ...kafka, tls: 'yes' }, {}, 'stream.tls must be true, false, or a group'],
    ['a user of Connect without password', { ...kafka, connect: { ...kafka.connect, user: 'u' } }, {}, 'stream.connect.password is missing, while stream.connect.user is given'],
    ['a password in the URL of Connect', { ...kafka, connect: { url: 'http://u:p@connect:8083' } }, {}, 'stream.connect.url holds a user or password'],
    ['a URL of Connect that is none', { ...kafka, connect: { url: 'connect:8083' } }, {}, 'stream.connect.url must be a URL such as http://connect:8083'],
    ['a key of the connector that has a setting', { ...kafka, connector: { 'slot.name': 'x' } }, {}, 'stream.connector["slot.name"] is what stream.slotName says'],
    ['a list as a key of the connector', { ...kafka, connector: { a: [1] } }, {}, 'stream.connector.a must be a mapping of keys of the connector'],
    ['the counter table replicated', { ...kafka, counterTable: 'public.a' }, table, "tables.include[0] names the counter's table"],
    ['a pattern as counter table', { ...kafka, counterTable: 'public.*' }, {}, 'stream.counterTable must be a table as schema.table'],
    ['a source on this machine and Connect on another', kafka, { source: { url: 'postgres://u@localhost/d' } }, 'stream.source.host leads to this machine, as source.url does, while Kafka Connect runs on another'],
    ['a replica of PostgreSQL', { ...kafka, readReplica: true }, {}, "stream.readReplica is of SQL Server's connector"],
    ['a schema history of PostgreSQL', { ...kafka, schemaHistoryTopic: 'x' }, {}, "stream.schemaHistoryTopic is of SQL Server's connector"],
  ])('with %s', (_name, stream, more, message) => expect(problemsOf(stream, more).join('\n')).toContain(message));

  it('once per problem, and never repeating a secret', () => {
    const problems = problemsOf({ ...kafka, sasl: { mechanism: 'x', username: 'u', password: 'hunter2' }, connect: { url: 'ftp://u:hunter2@c', password: 'hunter2' } });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('but a source on this machine may be captured by a Connect on it, or under another name', () => {
    const source = { url: 'postgres://u@localhost/d' };
    expect(problemsOf({ ...kafka, connect: { url: 'http://127.0.0.1:8083' } }, { source })).toEqual([]);
    expect(problemsOf({ ...kafka, source: { host: 'db' } }, { source })).toEqual([]);
  });
});

it.each([
  ['stream.sasl.password', { sasl: { mechanism: 'plain', username: 'u', password: 'hunter2' } }],
  ['stream.connect.password', { connect: { ...kafka.connect, user: 'u', password: 'hunter2' } }],
  ['stream.tls.key', { tls: { cert: 'c.pem', key: '-----BEGIN PRIVATE KEY-----hunter2' } }],
  ['stream.connector["database.sslpassword"]', { connector: { 'database.sslpassword': 'hunter2' } }],
])('a secret in clear in %s is accepted with a warning that does not repeat it', (setting, more) => {
  const { warnings } = loadPipelineText(text({ ...kafka, ...more }), {});
  expect(warnings.map((w) => w.setting)).toEqual([setting]);
  expect(JSON.stringify(warnings)).not.toContain('hunter2');
  const fromOutside = stringify(JSON.parse(JSON.stringify({ ...base, stream: { ...kafka, ...more } }).replaceAll(/-----BEGIN PRIVATE KEY-----hunter2|hunter2/g, '${SECRET}')));
  expect(loadPipelineText(fromOutside, { SECRET: 'x' }).warnings).toEqual([]);
});

describe('two pipelines through Kafka', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-config-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const loadBoth = (a: object, b: object): number => {
    for (const [name, stream] of Object.entries({ a, b })) writeFileSync(path.join(folder, `${name}.yaml`), stringify({ ...base, name, tables: { include: [`public.${name}`] }, stream: { ...kafka, ...stream } }));
    return loadPipelineDirectory(folder, {}).length;
  };

  it('share brokers and Kafka Connect, each with names of its own', () => expect(loadBoth({}, {})).toBe(2));

  it.each([
    ['one topic prefix', { topicPrefix: 'p' }, { topicPrefix: 'p' }, /stream\.topicPrefix is the topic prefix p of the same Kafka as in/],
    ['one topic prefix through another broker', { topicPrefix: 'p' }, { topicPrefix: 'p', brokers: 'two:9092' }, /stream\.topicPrefix is the topic prefix p/],
    ['one group', { groupId: 'g' }, { groupId: 'g', brokers: 'two:9092,ONE:9092' }, /stream\.groupId is the consumer group g of the same Kafka/],
    ['one connector', { connect: { ...kafka.connect, name: 'c' } }, { connect: { url: 'http://CONNECT:8083/', name: 'c' } }, /stream\.connect\.name is the connector c of the same Kafka Connect/],
    ['one slot', { slotName: 's' }, { slotName: 's' }, /stream\.slotName is the slot s of the same server/],
  ])('are refused when they share %s, which is said once', (_name, a, b, message) => {
    let said = '';
    try {
      loadBoth(a, b);
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toMatch(message);
    expect(said.split('\n')).toHaveLength(2);
  });
});
