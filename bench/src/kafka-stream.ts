import { LogPosition } from '@elstream/core';
import { type Beside, type Bench } from './bench';
import { removeConnector, untilDelivered, untilSlotIs } from './connect-steps';
import { writeMarker } from './event-table';
import { startKafka, type KafkaServers } from './kafka-servers';
import { type Measurement } from './measurement';
import { type Product } from './product';
import { endsOf, readTopic, type Ends } from './read-topic';
import { settle } from './servers';
import { SINK_TABLE, SinkPeer } from './sink-peer';
import { createSource } from './stream';
import { scalar, timed, until, withClient } from './sql';

const PARTITIONS = 3;
const CONNECTOR = 'elstream_bench';
const TOPIC = `${CONNECTOR}.public.event`;
const SINK_NAME = 'Debezium JDBC sink';
const READ_NAME = 'read and JSON.parse only';
const FIRST_MARKER = 2_000_000_000n;
/** So many that each partition has one: all are visible when everything before them is. */
const MARKERS = 40n;
const POLL_MS = 20;
/** Looks between two questions whether the sink has failed. */
const CHECK_EACH = 50;

interface Readers {
  readonly kafka: KafkaServers;
  readonly product: Product;
  readonly sink: SinkPeer | null;
}

/**
 * (b) through Kafka: Debezium fills the topics while the readers are paused; each then reads them alone. Timed from asking
 * for the resume until the last change of every partition is visible in its table. Capture is not measured.
 */
export async function benchKafkaStream(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  const { transactionRows } = options;
  const rows = await createSource(bench);
  await using kafka = await startKafka(servers.folder, options.peers);
  const run = async (product: Product): Promise<Measurement[]> => {
    await product.run();
    const sink = options.peers ? await SinkPeer.start(kafka, servers, { rows, partitions: PARTITIONS }) : null;
    if (options.peers && sink === null) say(`stream: this Kafka Connect does not have the ${SINK_NAME}, which is left out`);
    const measured: Measurement[] = [];
    for (const round of transactionRows.keys()) measured.push(...(await measureRound(bench, { kafka, product, sink }, round)));
    await sink?.drop();
    return measured;
  };
  return await bench.withProduct(run, besideOf(bench, kafka));
}

function besideOf({ servers }: Bench, { brokers, connectUrl, connect }: KafkaServers): Beside {
  const stream = { type: 'kafka', brokers, connect: { url: connectUrl, name: CONNECTOR }, topicPrefix: CONNECTOR, partitions: PARTITIONS };
  return {
    pipeline: `stream: ${JSON.stringify(stream)}`,
    release: async () => {
      await removeConnector(connect, CONNECTOR);
      await untilSlotIs(servers.sourceUrl, CONNECTOR, false);
    },
  };
}

async function measureRound(bench: Bench, { kafka, product, sink }: Readers, round: number): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  const perTransaction = options.transactionRows[round] ?? 1;
  const markers = FIRST_MARKER + BigInt(round) * MARKERS;
  await product.pause();
  await sink?.pause();
  const from = await endsOf(kafka.client, TOPIC);
  const position = await write(servers.sourceUrl, { first: 1 + round * options.changes, changes: options.changes, perTransaction, markers });
  for (const name of sink === null ? [CONNECTOR] : [CONNECTOR, sink.source]) await untilDelivered(kafka.connect, name, position);
  const to = await endsOf(kafka.client, TOPIC);
  say(`stream: ${String(options.changes)} changes in transactions of ${String(perTransaction)} are in the topics`);

  const ms = await catchUp(servers, { name: 'elstream', table: 'product.event', markers, resume: () => product.resume(), until: (probe) => product.until('the stream', probe, POLL_MS) });
  await product.pause();
  await compare(bench, 'elstream', 'product.event');
  const peers: { name: string; ms: number }[] = [];
  if (sink !== null) {
    const probed = async (probe: () => Promise<boolean>): Promise<void> => {
      let looks = 0;
      const checked = async (): Promise<boolean> => {
        if ((looks += 1) % CHECK_EACH === 0) await sink.check();
        return probe();
      };
      await until(SINK_NAME, checked, { everyMs: POLL_MS });
    };
    peers.push({ name: SINK_NAME, ms: await catchUp(servers, { name: SINK_NAME, table: SINK_TABLE, markers, resume: () => sink.resume(), until: probed }) });
    await compare(bench, SINK_NAME, SINK_TABLE);
  }
  if (options.peers) peers.push({ name: READ_NAME, ms: await readAll(kafka, { from, to, least: options.changes, round }) });
  say(`stream: elstream took ${ms.toFixed(0)} ms${peers.map((peer) => `, ${peer.name} ${peer.ms.toFixed(0)} ms`).join('')}`);
  const rate = (took: number): number => (options.changes * 1000) / took;
  const measurement = { part: 'stream', what: `Kafka, transactions of ${String(perTransaction)}`, value: rate(ms), unit: 'changes/s' } as const;
  return peers.length === 0 ? [measurement] : peers.map((peer) => ({ ...measurement, peer: { name: peer.name, value: rate(peer.ms) } }));
}

interface Writing {
  readonly first: number;
  readonly changes: number;
  readonly perTransaction: number;
  readonly markers: bigint;
}

/** Returns a position of the log that the last transaction's commit is not below. */
async function write(url: string, { first, changes, perTransaction, markers }: Writing): Promise<LogPosition> {
  return withClient(url, async (client) => {
    await client.query('SET synchronous_commit = off');
    await client.query('CALL public.write_changes($1, $2, $3)', [first, changes, perTransaction]);
    await client.query('SET synchronous_commit = on');
    await client.query('BEGIN');
    for (let n = 0n; n < MARKERS; n += 1n) await writeMarker(client, markers + n);
    const lsn = await scalar(client, `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`);
    await client.query('COMMIT');
    return LogPosition.fromBigInt(BigInt(lsn ?? '0'), 8);
  });
}

interface CatchUp {
  readonly name: string;
  readonly table: string;
  readonly markers: bigint;
  readonly resume: () => Promise<void>;
  readonly until: (probe: () => Promise<boolean>) => Promise<void>;
}

async function catchUp(servers: Bench['servers'], { table, markers, resume, until: wait }: CatchUp): Promise<number> {
  await settle(servers);
  const asked = `SELECT count(*) FROM ${table} WHERE id BETWEEN $1 AND $2`;
  const rows = await withClient(servers.sourceUrl, (client) => scalar(client, 'SELECT count(*) FROM public.event'));
  return withClient(servers.warehouseUrl, async (client) =>
    timed(async () => {
      await resume();
      // The sink writes a buffer's deletes after its upserts: with the last row there, others may be there still.
      await wait(async () => (await scalar(client, asked, [String(markers), String(markers + MARKERS - 1n)])) === String(MARKERS) && (await scalar(client, `SELECT count(*) FROM ${table}`)) === rows);
    }),
  );
}

/** A rate counts only if the rows are right. */
async function compare({ servers, say }: Bench, name: string, table: string): Promise<void> {
  const sums = (url: string, of: string): Promise<string | null> =>
    withClient(url, (client) => scalar(client, `SELECT concat_ws(' ', count(*), sum(id), count(note), sum(extract(epoch FROM happened)), sum(amount::text::numeric)) FROM ${of}`));
  const [source, target] = [await sums(servers.sourceUrl, 'public.event'), await sums(servers.warehouseUrl, table)];
  if (source !== target) say(`stream: the rows of ${name} are NOT those of the source: ${target ?? ''} instead of ${source ?? ''}`);
}

async function readAll({ client }: KafkaServers, { from, to, least, round }: { readonly from: Ends; readonly to: Ends; readonly least: number; readonly round: number }): Promise<number> {
  let read = 0;
  const ms = await timed(async () => {
    read = await readTopic(client, TOPIC, { from, to, groupId: `elstream-bench-read-${String(round)}` });
  });
  if (read < least) throw new Error(`only ${String(read)} of ${String(least)} changes are in ${TOPIC}`);
  return ms;
}
