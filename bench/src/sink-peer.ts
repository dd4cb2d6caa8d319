import { createEvents } from './event-table';
import { removeConnector, untilSlotIs, untilTasksAre } from './connect-steps';
import { type KafkaServers, SINK_CLASS } from './kafka-servers';
import { type Servers } from './servers';
import { withClient } from './sql';

const SOURCE = 'bench_peer';
const SINK = 'bench_peer_sink';
const TOPIC = 'bench_peer.public.event';
/** A name of its own: of two tables of one name in two schemas the sink took the other one. */
export const SINK_TABLE = 'sink_event';
const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
const WITH_SCHEMAS = { 'key.converter': JSON_CONVERTER, 'key.converter.schemas.enable': 'true', 'value.converter': JSON_CONVERTER, 'value.converter.schemas.enable': 'true' };

/**
 * Debezium's JDBC sink connector, writing a table of the warehouse. It needs values with their schemas, so another
 * connector captures the same changes for it; that one's work is not measured.
 */
export class SinkPeer {
  readonly source = SOURCE;

  private constructor(
    private readonly kafka: KafkaServers,
    private readonly servers: Servers,
  ) {}

  /** Null: this Connect does not have it. */
  static async start(kafka: KafkaServers, servers: Servers, { rows, partitions }: { readonly rows: number; readonly partitions: number }): Promise<SinkPeer | null> {
    const { connect, client } = kafka;
    if (!(await connect.plugins()).some(({ class: name }) => name === SINK_CLASS)) return null;
    await withClient(servers.warehouseUrl, async (warehouse) => {
      await createEvents(warehouse, rows);
      // What it would make of the column by itself, as its source gives decimals as text: bytes would rule out its fast way.
      await warehouse.query(`ALTER TABLE public.event ALTER amount TYPE text; DROP TABLE IF EXISTS ${SINK_TABLE}; ALTER TABLE public.event RENAME TO ${SINK_TABLE}`);
    });
    await withClient(servers.sourceUrl, (source) => source.query(`CREATE PUBLICATION ${SOURCE} FOR TABLE public.event`));
    await client.createTopics([{ topic: TOPIC, partitions, config: { 'cleanup.policy': 'delete' } }]);
    await connect.put(SOURCE, sourceSettings(servers));
    await untilTasksAre(connect, SOURCE, 'RUNNING');
    await untilSlotIs(servers.sourceUrl, SOURCE, true);
    await connect.put(SINK, sinkSettings(servers, partitions));
    await untilTasksAre(connect, SINK, 'RUNNING');
    return new SinkPeer(kafka, servers);
  }

  async pause(): Promise<void> {
    await this.kafka.connect.pause(SINK);
    await untilTasksAre(this.kafka.connect, SINK, 'PAUSED');
  }

  async resume(): Promise<void> {
    await this.kafka.connect.resume(SINK);
  }

  /** Throws when it has failed. */
  async check(): Promise<void> {
    const failed = (await this.kafka.connect.status(SINK))?.tasks.find(({ state }) => state === 'FAILED');
    if (failed !== undefined) throw new Error(`the JDBC sink failed: ${failed.trace ?? ''}`);
  }

  async drop(): Promise<void> {
    const { connect, client } = this.kafka;
    await removeConnector(connect, SINK);
    await removeConnector(connect, SOURCE);
    await untilSlotIs(this.servers.sourceUrl, SOURCE, false);
    await withClient(this.servers.sourceUrl, (source) => source.query(`SELECT pg_drop_replication_slot('${SOURCE}'); DROP PUBLICATION ${SOURCE}`));
    await client.deleteTopics([TOPIC]);
  }
}

function sourceSettings({ source }: Servers): Record<string, string> {
  return {
    ...WITH_SCHEMAS,
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'topic.prefix': SOURCE,
    'database.hostname': source.host,
    'database.port': String(source.port),
    'database.user': source.user,
    'database.password': source.password,
    'database.dbname': 'app',
    'plugin.name': 'pgoutput',
    'slot.name': SOURCE,
    'publication.name': SOURCE,
    'publication.autocreate.mode': 'disabled',
    'table.include.list': 'public.event',
    'snapshot.mode': 'no_data',
    'decimal.handling.mode': 'string',
    'tombstones.on.delete': 'false',
    'heartbeat.interval.ms': '1000',
    'producer.override.compression.type': 'lz4',
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': '-1',
  };
}

/** The best we know of: large polls, last state per key of each, one statement with arrays, a task per partition. */
function sinkSettings({ warehouse }: Servers, partitions: number): Record<string, string> {
  return {
    ...WITH_SCHEMAS,
    'connector.class': SINK_CLASS,
    'tasks.max': String(partitions),
    topics: TOPIC,
    'connection.url': `jdbc:postgresql://${warehouse.host}:${String(warehouse.port)}/warehouse?reWriteBatchedInserts=true`,
    'connection.username': warehouse.user,
    'connection.password': warehouse.password,
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'none',
    'collection.name.format': SINK_TABLE,
    'use.reduction.buffer': 'true',
    'dialect.postgres.unnest.insert.enabled': 'true',
    'batch.size': '5000',
    'consumer.override.max.poll.records': '5000',
    'consumer.override.isolation.level': 'read_committed',
  };
}
