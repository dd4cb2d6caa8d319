import { type CaptureSource } from '@elstream/change-stream';
import { silentLogger, type TableMapping } from '@elstream/core';
import { ConnectClient, type ConnectorPlan } from '@elstream/debezium';
import { testKafka } from '@elstream/testing';
import { connectConnector } from './connect-connector';

/** As the capture of a SQL Server gives it. */
const endpoint = { connector: 'sqlserver', host: '127.0.0.1', port: 1, user: 'el stream', password: 'p"w\\', database: 'testDB', settings: { 'driver.encrypt': 'true', 'driver.trustServerCertificate': 'true' } } as const;
const source = { schema: 'dbo', name: 'order item' };
const item: TableMapping = { id: 'dbo."order item"', source, target: source, key: [0], chunkRows: 1, columns: [{ source: 'id', target: 'id', type: { kind: 'integer', bits: 32 }, targetType: 'int', nullable: false, mask: null }] };

function planned(connectUrl: string, brokers: string): ConnectorPlan {
  const capture = { endpoint, names: {}, counter: { schema: 'elstream', table: 'counter' } } as unknown as CaptureSource;
  const connect = { url: connectUrl, connector: 'c', source: { host: 'seen-from-connect', port: 1434, readReplica: true }, extra: { 'poll.interval.ms': '250' }, schemaHistory: { client: { 'security.protocol': 'PLAINTEXT' } } };
  return connectConnector({ kafka: { brokers: brokers.split(','), clientId: 'x' }, pipeline: 'p', groupId: 'g', topicPrefix: 'x', topics: { partitions: 1 }, capture, connect }, silentLogger).plan([item]);
}

describe('the connector of a SQL Server source', () => {
  it('is planned from what capture says of the source, and from where Connect sees it', () => {
    const { config, topics, connector } = planned('http://none', 'b:1,c:2');
    expect([connector, topics.tables, topics.counter, topics.schemaHistory]).toEqual(['sqlserver', ['x.testDB.dbo.order_item'], 'x.testDB.elstream.counter', 'x.schema-history']);
    expect(config).toMatchObject({
      'database.names': 'testDB',
      'database.hostname': 'seen-from-connect',
      'database.port': '1434',
      'driver.encrypt': 'true',
      'driver.trustServerCertificate': 'true',
      'driver.applicationIntent': 'ReadOnly',
      'poll.interval.ms': '250',
      'snapshot.mode': 'no_data',
      'table.include.list': '(?-i)dbo\\.order\\u0020item,(?-i)elstream\\.counter',
      'message.key.columns': '(?-i)dbo\\.order\\u0020item:id',
      'schema.history.internal.kafka.bootstrap.servers': 'b:1,c:2',
      'schema.history.internal.producer.security.protocol': 'PLAINTEXT',
    });
  });

  it('has settings that the plugin takes: it only misses the server', async () => {
    const { brokers, connectUrl } = await testKafka();
    const { config } = planned(connectUrl, brokers);
    const errors = await new ConnectClient({ url: connectUrl }).validate('c', { ...config, 'database.hostname': '127.0.0.1', 'database.port': '1', 'driver.loginTimeout': '2', 'driver.connectRetryCount': '0' });
    expect(Object.keys(errors)).toEqual(['database.hostname']);
    expect(errors['database.hostname']?.join()).toMatch(/TCP\/IP connection to the host 127\.0\.0\.1, port 1 has failed|Unable to connect/);
  });
});
