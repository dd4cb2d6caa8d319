import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What the servers of the tests are, by libs/servers. */
export const pinned = (JSON.parse(readFileSync(path.join(__dirname, '..', '..', 'libs', 'servers', 'src', 'kafka', 'jars.json'), 'utf8')) as { versions: { readonly kafka: string; readonly debezium: string } }).versions;

type Variables = Readonly<Record<string, string>>;

/** An event of 10 MB, and the rest of its batch. */
const MESSAGE_BYTES = 16 * 1024 * 1024;

const differences = (given: Variables, wanted: Variables): string[] => Object.entries(wanted).flatMap(([name, value]) => (given[name] === value ? [] : [`${name} is ${given[name] ?? 'not set'}, not ${value}`]));

/** What a broker of the image apache/kafka lacks: its start script makes `process.roles` of KAFKA_PROCESS_ROLES. */
export function kafkaProblems(variables: Variables): string[] {
  const known = /^(?:TZ|CLUSTER_ID|KAFKA_[A-Z0-9_]+)$/;
  return [
    ...Object.keys(variables).filter((name) => !known.test(name)).map((name) => `${name} is set, but nothing reads it`),
    ...differences(variables, { KAFKA_PROCESS_ROLES: 'broker,controller', KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false', KAFKA_MESSAGE_MAX_BYTES: String(MESSAGE_BYTES) }),
    ...(/^[\w-]{22}$/.test(variables['CLUSTER_ID'] ?? '') ? [] : ['CLUSTER_ID is none']),
  ];
}

/** Variables of the image debezium/connect that its start script reads by these names and hands on under others. */
const OWN = ['TZ', 'BOOTSTRAP_SERVERS', 'HOST_NAME', 'GROUP_ID', 'CONFIG_STORAGE_TOPIC', 'OFFSET_STORAGE_TOPIC', 'STATUS_STORAGE_TOPIC', 'OFFSET_FLUSH_INTERVAL_MS', 'HEAP_OPTS'];
/** It sets these from its own, so that giving them is without effect. */
const OVERWRITTEN = ['BOOTSTRAP_SERVERS', 'GROUP_ID', 'CONFIG_STORAGE_TOPIC', 'OFFSET_STORAGE_TOPIC', 'OFFSET_FLUSH_INTERVAL_MS', 'OFFSET_FLUSH_TIMEOUT_MS', 'KEY_CONVERTER', 'VALUE_CONVERTER', 'TASK_SHUTDOWN_GRACEFUL_TIMEOUT_MS', 'REST_ADVERTISED_HOST_NAME', 'REST_ADVERTISED_PORT'].map((name) => `CONNECT_${name}`);

/** What a worker of the image debezium/connect lacks for R3. */
export function connectProblems(variables: Variables): string[] {
  return [
    ...Object.keys(variables).filter((name) => !OWN.includes(name) && !name.startsWith('CONNECT_')).map((name) => `${name} is set, but nothing reads it`),
    ...Object.keys(variables).filter((name) => OVERWRITTEN.includes(name)).map((name) => `${name} is overwritten by the image; set ${name.replace('CONNECT_', '')}`),
    ...OWN.filter((name) => name !== 'HEAP_OPTS' && !(name in variables)).map((name) => `${name} is missing`),
    ...differences(variables, { TZ: 'UTC', CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT: 'enabled', OFFSET_FLUSH_INTERVAL_MS: '1000', CONNECT_PRODUCER_MAX_REQUEST_SIZE: String(MESSAGE_BYTES) }),
  ];
}
