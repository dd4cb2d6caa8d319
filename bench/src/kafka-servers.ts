import path from 'node:path';
import { openKafka, type KafkaClient } from '@elstream/change-stream-kafka';
import { ConnectClient } from '@elstream/debezium';
import { findJdbcSink, findKafka, startConnect, startKafkaServer } from '@elstream/servers';

/** A Kafka and a Kafka Connect: our own, durable as Kafka is by default, or those that `KAFKA_BROKERS` and `CONNECT_URL` name. */
export interface KafkaServers extends AsyncDisposable {
  readonly brokers: string;
  readonly connectUrl: string;
  readonly client: KafkaClient;
  readonly connect: ConnectClient;
}

/** Two Java servers, on a machine that may be at other work. */
const START_MS = 400_000;

export const SINK_CLASS = 'io.debezium.connector.jdbc.JdbcSinkConnector';

/** @param peers whether Debezium's JDBC sink is wanted too */
export async function startKafka(folder: string, peers: boolean): Promise<KafkaServers> {
  const ends: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    for (const stop of ends.reverse()) await stop();
  };
  try {
    const { brokers, connectUrl } = given() ?? (await start(folder, peers, ends));
    const client = await openKafka({ brokers: brokers.split(','), clientId: 'elstream-bench' });
    ends.push(() => client.close());
    return { brokers, connectUrl, client, connect: new ConnectClient({ url: connectUrl }), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

function given(): Pick<KafkaServers, 'brokers' | 'connectUrl'> | null {
  const { KAFKA_BROKERS: brokers = '', CONNECT_URL: url = '' } = process.env;
  if (brokers === '' && url === '') return null;
  if (brokers === '' || url === '') throw new RangeError('set both KAFKA_BROKERS and CONNECT_URL, or none for servers of our own');
  return { brokers, connectUrl: url.replace(/\/+$/, '') };
}

async function start(folder: string, peers: boolean, ends: (() => Promise<void>)[]): Promise<Pick<KafkaServers, 'brokers' | 'connectUrl'>> {
  const { plugins } = await findKafka();
  const sink = peers ? [(await findJdbcSink()).plugins] : [];
  const kafka = await startKafkaServer({ dir: path.join(folder, 'kafka'), fast: true, startTimeoutMs: START_MS });
  ends.push(() => kafka.stop());
  const connect = await startConnect({ brokers: kafka.brokers, dir: path.join(folder, 'connect'), fast: true, startTimeoutMs: START_MS, config: { 'plugin.path': [plugins, ...sink].join(',') } });
  ends.push(() => connect.stop());
  return { brokers: kafka.brokers, connectUrl: connect.url };
}
