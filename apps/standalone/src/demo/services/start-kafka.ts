import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { findKafka, startConnect, startKafkaServer } from '@elstream/servers';
import { type DemoContext } from '../demo';
import { type ServiceOrder } from './manifest';

/** Kafka and Connect, and what the services are told of them. */
export interface RunningKafka {
  /** The same order with these servers' addresses in place of the cluster's and, on servers of others, with names of this run alone. */
  fit(order: ServiceOrder): ServiceOrder;
}

/** Addresses in the manifests' environment that are ours to give. */
interface Addresses {
  readonly KAFKA_BROKERS: string;
  readonly CONNECT_URL: string;
}

/**
 * A Kafka and a Connect with Debezium of this run alone, or those that `KAFKA_BROKERS` and `CONNECT_URL` name. What is
 * started is handed to `cleanup` at once; on servers of others the connector is removed there.
 *
 * @throws ElstreamError `SERVERS` where Java or the jars are missing, with the remedy; RangeError where one address is given alone
 */
export async function startKafka({ folder, out, cleanup, signal }: Pick<DemoContext, 'folder' | 'out' | 'cleanup' | 'signal'>): Promise<RunningKafka> {
  const given = givenAddresses(process.env);
  if (given !== null) {
    const name = `elstream_demo_${randomBytes(4).toString('hex')}`;
    out.step(`uses the Kafka at ${given.KAFKA_BROKERS} and the Connect at ${given.CONNECT_URL}; connector, group and topics are named ${name}, the topics stay`);
    cleanup.add(() => removeConnector(given.CONNECT_URL, name));
    return { fit: (order) => withNames(withAddresses(order, given), name) };
  }
  out.step('starting a Kafka and a Kafka Connect with Debezium of our own');
  const kafka = await startKafkaServer({ dir: path.join(folder, 'kafka') });
  cleanup.add(() => kafka.stop());
  signal.throwIfAborted();
  const connect = await startConnect({ brokers: kafka.brokers, dir: path.join(folder, 'connect') });
  cleanup.add(() => connect.stop());
  signal.throwIfAborted();
  out.step(`Kafka serves at ${kafka.brokers}, Kafka Connect at ${connect.url}`);
  return { fit: (order) => withAddresses(order, { KAFKA_BROKERS: kafka.brokers, CONNECT_URL: connect.url }) };
}

/** Says what is missing before anything is started; fetches what can be. Throws as `startKafka` does. */
export async function findKafkaFirst({ out, signal }: Pick<DemoContext, 'out' | 'signal'>): Promise<void> {
  if (givenAddresses(process.env) !== null) return;
  out.step("looking for Java, Kafka's jars and Debezium's; the first time they are fetched");
  await findKafka();
  signal.throwIfAborted();
}

/** Null: none is given. */
export function givenAddresses({ KAFKA_BROKERS = '', CONNECT_URL = '' }: NodeJS.ProcessEnv): Addresses | null {
  if (KAFKA_BROKERS === '' && CONNECT_URL === '') return null;
  if (KAFKA_BROKERS !== '' && CONNECT_URL !== '') return { KAFKA_BROKERS, CONNECT_URL: CONNECT_URL.replace(/\/+$/, '') };
  throw new RangeError(`${KAFKA_BROKERS === '' ? 'CONNECT_URL is set without KAFKA_BROKERS' : 'KAFKA_BROKERS is set without CONNECT_URL'}: set both, or none for servers of our own`);
}

function withAddresses(order: ServiceOrder, addresses: Addresses): ServiceOrder {
  const known = Object.entries(addresses).filter(([variable]) => variable in order.env);
  return { ...order, env: { ...order.env, ...Object.fromEntries(known) } };
}

const STREAM = '  type: kafka\n';
const CONNECT = '    url: ${CONNECT_URL}\n';

/** Several demonstrations, and a production, may share the servers: what one of them leaves must not meet another. */
export function withNames(order: ServiceOrder, name: string): ServiceOrder {
  const files = order.files.map(({ path: file, text }) => {
    if (!text.includes(STREAM) || !text.includes(CONNECT)) throw new Error(`${file} has no lines “${STREAM.trim()}” and “${CONNECT.trim()}” to name connector and topics after`);
    return { path: file, text: text.replace(STREAM, `${STREAM}  topicPrefix: ${name}\n  groupId: ${name}\n`).replace(CONNECT, () => `${CONNECT}    name: ${name}\n`) };
  });
  return { ...order, files };
}

async function removeConnector(url: string, name: string): Promise<void> {
  const { status } = await fetch(`${url}/connectors/${name}`, { method: 'DELETE', signal: AbortSignal.timeout(20_000) });
  // 404: it was not made yet.
  if (status !== 204 && status !== 404) throw new Error(`the connector ${name} could not be removed from ${url}: HTTP status ${String(status)}`);
}
