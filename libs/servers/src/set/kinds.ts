import { type Logger } from '@elstream/core';
import { discardDataFolder, startEmbeddedPostgres, stopAbandoned } from '@elstream/embedded-postgres';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { failure } from '../failure';
import { findRedisServer } from '../find-redis';
import { describeConnect, startConnect } from '../kafka/connect-server';
import { findKafka, kafkaVersions } from '../kafka/find-kafka';
import { startKafkaServer } from '../kafka/kafka-server';
import { describeKafka } from '../kafka/probe';
import { startRedisServer } from '../redis-server';
import { redisCommand } from '../resp';
import { endRecorded, recordProcess } from './recorded-process';

/** Where a server of the set lives. */
export interface Place {
  /** Folder of its own, kept over restarts. */
  readonly folder: string;
  /** What its variable was at the last start: its port is taken again if it is free. */
  readonly remembered: string | undefined;
  readonly logger: Logger;
  /** The value of another server's variable, once that server is up or if it is given. Rejects when it cannot be started. */
  readonly valueOf: (variable: string) => Promise<string>;
}

export interface StartedServer {
  /** Value of the server's variable. Holds a password. */
  readonly value: string;
  stop(): Promise<void>;
}

/** One server of the set. A further one is a further row of `serverKinds`. */
export interface ServerKind {
  readonly name: string;
  /** Environment variable through which programs reach it. */
  readonly variable: string;
  /** True: when the variable is set by the user, the server it names is checked, and none is started. */
  readonly mayBeGiven: boolean;
  /** Finds or fetches its programs. @throws ElstreamError with the remedy */
  find(): Promise<void>;
  start(place: Place): Promise<StartedServer>;
  /** What answers at `value`, with its version. @throws when nothing does */
  check(value: string): Promise<string>;
  /** Ends what a killed supervisor left running in the folder. */
  endAbandoned(folder: string): Promise<void>;
  /** Deletes its data. It must not run. */
  discard(folder: string): Promise<void>;
}

const redis: ServerKind = {
  name: 'redis',
  variable: 'REDIS_URL',
  mayBeGiven: true,
  find: async () => {
    await findRedisServer();
  },
  start: async ({ folder, remembered, logger }) => {
    const last = remembered === undefined ? undefined : new URL(remembered);
    const password = last?.password || randomBytes(18).toString('base64url');
    await endRecorded(folder);
    const server = await startRedisServer({ dir: folder, password, config: ['appendonly yes'], ...(last ? { preferredPort: Number(last.port) } : {}) });
    recordProcess(folder, server.pid);
    logger.info({ port: server.port, dir: folder }, 'Redis is up');
    return { value: server.url, stop: () => server.stop() };
  },
  check: async (value) => {
    const info = await redisCommand(value, ['INFO', 'server']);
    return `Redis ${/redis_version:(\S+)/.exec(info)?.[1] ?? ''}`;
  },
  endAbandoned: endRecorded,
  discard: (folder) => removeFolder(folder),
};

const findPrograms = async (): Promise<void> => {
  await findKafka();
};

const removeFolder = (folder: string): Promise<void> => {
  rmSync(folder, { recursive: true, force: true });
  return Promise.resolve();
};

const kafka: ServerKind = {
  name: 'kafka',
  variable: 'KAFKA_BROKERS',
  mayBeGiven: true,
  find: findPrograms,
  start: async ({ folder, remembered, logger }) => {
    await endRecorded(folder);
    const port = Number(remembered?.split(':').at(-1));
    const server = await startKafkaServer({ dir: folder, ...(port ? { preferredPort: port } : {}) });
    recordProcess(folder, server.pid);
    logger.info({ port: server.port, dir: folder }, 'Kafka is up');
    return { value: server.brokers, stop: () => server.stop() };
  },
  check: async (value) => {
    const { brokers } = await describeKafka(value);
    return brokers === 1 ? 'Kafka, 1 broker' : `Kafka, ${String(brokers)} brokers`;
  },
  endAbandoned: endRecorded,
  discard: removeFolder,
};

const connect: ServerKind = {
  name: 'connect',
  variable: 'CONNECT_URL',
  mayBeGiven: true,
  find: findPrograms,
  start: async ({ folder, remembered, logger, valueOf }) => {
    await endRecorded(folder);
    const brokers = await valueOf(kafka.variable);
    const server = await startConnect({ brokers, dir: folder, ...(remembered === undefined ? {} : { preferredPort: Number(new URL(remembered).port) }) });
    recordProcess(folder, server.pid);
    logger.info({ port: server.port, dir: folder, debezium: kafkaVersions.debezium }, 'Kafka Connect is up');
    return { value: server.url, stop: () => server.stop() };
  },
  check: describeConnect,
  endAbandoned: endRecorded,
  discard: removeFolder,
};

/** A database server of its own per side, as in life: neither side's log holds the other's changes. */
const postgres = (name: 'source' | 'warehouse'): ServerKind => ({
  name,
  variable: `${name.toUpperCase()}_URL`,
  mayBeGiven: false,
  find: () => Promise.resolve(),
  start: async ({ folder, logger }) => {
    const server = await startEmbeddedPostgres({ dataDir: dataDir(folder), logger });
    try {
      await createDatabase(server.url, name);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return { value: server.urlOf(name), stop: () => server.stop() };
  },
  check: (value) =>
    withClient(value, async (client) => {
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
      return `PostgreSQL ${rows[0]?.server_version ?? ''}`;
    }),
  endAbandoned: (folder) => stopAbandoned(dataDir(folder)),
  discard: (folder) => discardDataFolder(dataDir(folder)),
});

/** In the order they are shown in. */
export const serverKinds: readonly ServerKind[] = [redis, postgres('source'), postgres('warehouse'), kafka, connect];

export function kindNamed(name: string): ServerKind {
  const kind = serverKinds.find((k) => k.name === name);
  if (!kind) throw failure(`no server is called ${name}; there are ${serverKinds.map((k) => k.name).join(', ')}`);
  return kind;
}

const dataDir = (folder: string): string => path.join(folder, 'data');

async function createDatabase(url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  });
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'elstream servers', connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}
