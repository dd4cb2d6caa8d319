import { acquireTestServer, type Lease, serverFiles } from './test-server/lease';

/** A Kafka and a Kafka Connect for ordinary tests, shared by all test processes. */
export interface TestKafka {
  /** `host:port,host:port` */
  readonly brokers: string;
  /** Of Connect's REST interface, without a slash at the end. Exactly-once source support is on. */
  readonly connectUrl: string;
}

/** Kept for the life of the process (of a test file under jest): the connections are the right to the servers. */
let kafka: Promise<Lease> | undefined;
let connect: Promise<Lease> | undefined;

/**
 * Brokers for a test that needs no Connect: those of `KAFKA_BROKERS` if set, else one broker shared by all test processes,
 * started when first asked for (some 5 s) and ended when the last of them is gone. Topics are the test's own: named apart
 * from those of others. A test that kills, suspends or fills the broker takes `startKafkaServer` of `@elstream/servers`.
 */
export async function testBrokers(): Promise<string> {
  return (await (kafka ??= acquireTestServer(serverFiles(undefined, 'kafka')))).url;
}

/**
 * The same with a Connect worker (another 4 s): that at `CONNECT_URL` if set. Connectors are the test's own: named apart,
 * and deleted before their database is. A test that kills Connect takes `startConnect`.
 */
export async function testKafka(): Promise<TestKafka> {
  if (process.env['CONNECT_URL'] && !process.env['KAFKA_BROKERS']) throw new Error('CONNECT_URL is set but KAFKA_BROKERS is not: name the brokers that Connect works for');
  const brokers = await testBrokers();
  const { url } = await (connect ??= acquireTestServer(serverFiles(undefined, 'connect', brokers)));
  return { brokers, connectUrl: url.replace(/\/+$/, '') };
}
