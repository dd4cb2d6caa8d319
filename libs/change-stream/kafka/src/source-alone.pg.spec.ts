import { createPostgresCapture } from '@elstream/change-stream-postgres';
import { ElstreamError } from '@elstream/core';
import { createTestDatabase, eventually, type TestDatabase } from '@elstream/testing';
import { Client, type ClientConfig } from 'pg';
import { type CaptureConnector } from './connector';
import { createKafkaStream } from './kafka-stream';
import { int, mappingOf } from './stream.fixture';

const t = mappingOf('t', ['id'], [int('id')]);
const NOWHERE = '127.0.0.1:9';

/** A stream whose brokers and Connect are away, over a source whose slot is read as a connector reads it. */
async function withoutOthers(connector?: CaptureConnector) {
  const db = await createTestDatabase('alone');
  await db.query('CREATE TABLE t (id int PRIMARY KEY)');
  const { hostname, port } = new URL(db.url);
  const name = `a_${db.name}`;
  const capture = await createPostgresCapture({ url: db.url, endpoint: { host: hostname, port: Number(port) }, pipeline: name, slotName: name, publicationName: name, applicationName: name });
  await capture.prepare([t]);
  const reader = await readSlot(db, name);
  const stream = await createKafkaStream({ kafka: { brokers: [NOWHERE], clientId: name }, pipeline: name, groupId: name, topicPrefix: name, topics: { partitions: 1 }, capture, connect: { url: `http://${NOWHERE}`, connector: name }, ...(connector === undefined ? {} : { connector }) });
  return {
    db,
    stream,
    slots: () => db.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [name]),
    async [Symbol.asyncDispose]() {
      await reader.end();
      await stream.close();
      await db.drop();
    },
  };
}

async function readSlot(db: TestDatabase, name: string): Promise<Client> {
  const config: ClientConfig & { replication: string } = { connectionString: db.url, application_name: 'Debezium Streaming', replication: 'database' };
  const client = new Client(config);
  client.on('error', () => undefined);
  await client.connect();
  const reading = client.query(`START_REPLICATION SLOT ${name} LOGICAL 0/0 (proto_version '1', publication_names '${name}')`).then(() => undefined, () => undefined);
  await eventually(async () => (await db.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [name])).length === 1, { unlessFails: reading.then(() => Promise.reject(new Error('the slot could not be read'))) });
  return client;
}

describe('a source whose brokers and Connect are away (R14)', () => {
  it('is asked alone for what it retains, and freed of it from under the connector, again and again', async () => {
    await using context = await withoutOthers();
    const { db, stream, slots } = context;
    await db.query("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 1 << 20))");
    await eventually(async () => expect(await stream.retainedBytes()).toBeGreaterThanOrEqual(1 << 20));
    await stream.release();
    expect(await slots()).toEqual([]);
    expect(await stream.retainedBytes()).toBe(0);
    await stream.release();
  });

  it('is freed also where the pipeline is removed, which says that the connector was not', async () => {
    // As after the 20 s for which Connect is tried.
    const away = new ElstreamError('CONNECT', 'retry', 'Kafka Connect does not answer');
    await using context = await withoutOthers({ name: 'c', drop: () => Promise.reject(away) } as unknown as CaptureConnector);
    await expect(context.stream.drop()).rejects.toBe(away);
    expect(await context.slots()).toEqual([]);
  });
});
