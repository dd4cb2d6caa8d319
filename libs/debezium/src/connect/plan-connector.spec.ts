import { POSTGRES, SQL_SERVER } from './connect.fixture';
import { planConnector } from './plan-connector';
import { type PlanOptions } from './plan-options';

const both: readonly PlanOptions[] = [POSTGRES, SQL_SERVER];
const refusal = (options: PlanOptions): unknown => {
  try {
    return planConnector(options);
  } catch (error) {
    return error;
  }
};

describe('planConnector', () => {
  it.each(both)('captures what changes and nothing else, in the form the decoder reads ($connector)', (options) => {
    const { config, handling } = planConnector(options);
    expect(config).toMatchObject({
      'tasks.max': '1',
      'topic.prefix': 'elstream.shop',
      'snapshot.mode': 'no_data',
      'time.precision.mode': handling.time,
      'decimal.handling.mode': handling.decimal,
      'binary.handling.mode': handling.binary,
      'unavailable.value.placeholder': handling.unavailableValue,
      'skipped.operations': 'none',
      'tombstones.on.delete': 'false',
      'exactly.once.support': 'required',
      'key.converter.schemas.enable': 'false',
      'value.converter.schemas.enable': 'false',
      'value.converter.replace.null.with.default': 'false',
      'header.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'header.converter.schemas.enable': 'false',
      'event.processing.failure.handling.mode': 'fail',
      'event.converting.failure.handling.mode': 'fail',
    });
    expect(handling).toMatchObject(options.connector === 'postgresql' ? { time: 'microseconds', decimal: 'string', binary: 'bytes' } : { time: 'isostring', decimal: 'string', binary: 'base64' });
  });

  it('names the database of SQL Server in every topic', () => {
    expect(planConnector(POSTGRES).topics).toEqual({ tables: ['elstream.shop.sales.order_line', 'elstream.shop.sales.Customer'], counter: 'elstream.shop.elstream.counter', heartbeat: null, notifications: '__debezium-notifications.elstream.shop', schemaChanges: null, schemaHistory: null });
    expect(planConnector(SQL_SERVER).topics).toEqual({ tables: ['elstream.shop.Shop.sales.order_line', 'elstream.shop.Shop.sales.Customer'], counter: 'elstream.shop.Shop.elstream.counter', heartbeat: '__debezium-heartbeat.elstream.shop', notifications: null, schemaChanges: 'elstream.shop', schemaHistory: 'elstream.shop.schema-history' });
  });

  it.each(both)('writes names so that they match themselves only, whatever they hold ($connector)', (options) => {
    expect(planConnector(options).config).toMatchObject({
      'table.include.list': '(?-i)sales\\.order\\u0020line,(?-i)sales\\.Customer,(?-i)elstream\\.counter',
      'column.exclude.list': '(?-i)sales\\.order\\u0020line\\.note',
      'message.key.columns': '(?-i)sales\\.order\\u0020line:order,line\\u002cno',
    });
  });

  it.each<[PlanOptions, Record<string, string>]>([
    [POSTGRES, { 'slot.name': 'elstream_shop', 'publication.name': 'elstream_shop', 'plugin.name': 'pgoutput', 'publication.autocreate.mode': 'disabled', 'slot.drop.on.stop': 'false', 'offset.mismatch.strategy': 'trust_offset', 'database.dbname': 'shop', 'interval.handling.mode': 'string', 'include.unknown.datatypes': 'true' }],
    [SQL_SERVER, { 'database.names': 'Shop', 'snapshot.isolation.mode': 'snapshot', 'schema.history.internal.kafka.bootstrap.servers': 'kafka-1:9092,kafka-2:9092', 'schema.history.internal.kafka.topic': 'elstream.shop.schema-history', 'data.query.mode': 'direct' }],
  ])('knows its database ($connector)', (options, settings) => {
    expect(planConnector(options).config).toMatchObject(settings);
  });

  it('has every start of its task told in a topic, of PostgreSQL', () => {
    expect(planConnector(POSTGRES).config).toMatchObject({ 'notification.enabled.channels': 'sink', 'notification.sink.topic.name': '__debezium-notifications.elstream.shop' });
    expect(Object.keys(planConnector(SQL_SERVER).config).filter((setting) => setting.startsWith('notification.'))).toEqual([]);
  });

  it('has heartbeats of SQL Server only: those of PostgreSQL would have changes left out after a restart', () => {
    expect(planConnector(POSTGRES).config).toMatchObject({ 'heartbeat.interval.ms': '0' });
    expect(planConnector(SQL_SERVER).config).toMatchObject({ 'heartbeat.interval.ms': '1000' });
    expect(planConnector({ ...SQL_SERVER, heartbeatMs: 50 }).config).toMatchObject({ 'heartbeat.interval.ms': '50' });
    expect(refusal({ ...SQL_SERVER, heartbeatMs: 0 })).toMatchObject({ code: 'CONNECTOR_PLAN', place: { setting: 'heartbeatMs' } });
  });

  it('reads a secondary of SQL Server as such, and refuses the flag for PostgreSQL', () => {
    expect(planConnector(SQL_SERVER).config).not.toHaveProperty(['driver.applicationIntent']);
    expect(planConnector({ ...SQL_SERVER, source: { ...SQL_SERVER.source, readReplica: true } }).config).toMatchObject({ 'driver.applicationIntent': 'ReadOnly', 'snapshot.isolation.mode': 'snapshot' });
    expect(refusal({ ...POSTGRES, source: { ...POSTGRES.source, readReplica: true } })).toMatchObject({ code: 'CONNECTOR_PLAN', place: { setting: 'readReplica' } });
  });

  it.each([
    ['off', { 'database.sslmode': 'disable' }, { 'driver.encrypt': 'false' }],
    ['encrypt', { 'database.sslmode': 'require' }, { 'driver.encrypt': 'true', 'driver.trustServerCertificate': 'true' }],
    ['verify', { 'database.sslmode': 'verify-full', 'database.sslrootcert': '/ca' }, { 'driver.encrypt': 'true', 'driver.trustServerCertificate': 'false', 'driver.trustStore': '/ca' }],
  ] as const)('protects its connections: %s', (mode, postgres, sqlServer) => {
    const tls = { mode, ...(mode === 'verify' ? { caFile: '/ca' } : {}) };
    expect(planConnector({ ...POSTGRES, source: { ...POSTGRES.source, tls } }).config).toMatchObject(postgres);
    expect(planConnector({ ...SQL_SERVER, source: { ...SQL_SERVER.source, tls } }).config).toMatchObject(sqlServer);
  });

  it('leaves texts that ask for tables Unicode: as texts of a code page, names that it lacks would not be found', () => {
    expect(planConnector(SQL_SERVER).config).not.toHaveProperty(['driver.sendStringParametersAsUnicode']);
  });

  it('gives the schema history its own client settings, twice', () => {
    const client = { 'security.protocol': 'SASL_SSL' };
    expect(planConnector({ ...SQL_SERVER, schemaHistory: { ...SQL_SERVER.schemaHistory, client } }).config).toMatchObject({ 'schema.history.internal.producer.security.protocol': 'SASL_SSL', 'schema.history.internal.consumer.security.protocol': 'SASL_SSL' });
  });

  it("lays the user's settings over ours", () => {
    expect(planConnector({ ...POSTGRES, extra: { 'max.batch.size': '100', 'errors.max.retries': '3' } }).config).toMatchObject({ 'max.batch.size': '100', 'errors.max.retries': '3' });
  });

  it.each(['snapshot.mode', 'snapshot.mode.custom.name', 'offset.mismatch.strategy', 'transforms', 'transforms.route.type', 'time.precision.mode', 'decimal.handling.mode', 'binary.handling.mode', 'interval.handling.mode', 'include.unknown.datatypes', 'unavailable.value.placeholder', 'value.converter.schemas.enable', 'publication.autocreate.mode', 'slot.drop.on.stop', 'exactly.once.support', 'errors.tolerance', 'heartbeat.interval.ms', 'notification.enabled.channels', 'notification.sink.topic.name', 'header.converter', 'header.converter.schemas.enable', 'column.mask.hash.SHA-256.with.salt.x', 'database.password'])('refuses to have %s overridden, and says why', (setting) => {
    const error = refusal({ ...POSTGRES, extra: { [setting]: 'SeCreT' } });
    expect(error).toMatchObject({ code: 'CONNECTOR_PLAN', recovery: 'refuse', place: { setting } });
    expect((error as Error).message).toMatch(new RegExp(`${setting.replaceAll('.', '\\.')} cannot be set: .{10}`));
    expect((error as Error).message).not.toContain('SeCreT');
  });

  it.each<[string, Partial<PlanOptions>, RegExp]>([
    ['that differ in what a topic cannot hold', { tables: [{ schema: 'a', name: 'x y' }, { schema: 'a', name: 'x-y' }, { schema: 'a', name: 'x/y' }] }, /table a\.x y and table a\."x\/y" would share the topic elstream\.shop\.a\.x_y/],
    ['that differ in dots and underscores', { tables: [{ schema: 'a', name: 'b.c' }, { schema: 'a', name: 'b_c' }] }, /table a\."b\.c" and table a\.b_c would share/],
    ['one of which is the counter', { tables: [{ schema: 'elstream', name: 'counter' }] }, /elstream\.counter and table elstream\.counter/],
  ])('refuses tables %s by name', (_, change, message) => {
    expect(() => planConnector({ ...POSTGRES, ...change } as PlanOptions)).toThrow(message);
  });

  it.each<[string, Partial<PlanOptions>, RegExp]>([
    ['no table', { tables: [] }, /no table/],
    ['a topic prefix that Kafka cannot have', { topicPrefix: 'a b' }, /topic prefix a b/],
    ['a name too long for Kafka', { topicPrefix: 'p'.repeat(240) }, /Kafka allows 249/],
  ])('refuses %s', (_, change, message) => {
    expect(() => planConnector({ ...POSTGRES, ...change } as PlanOptions)).toThrow(message);
  });
});
