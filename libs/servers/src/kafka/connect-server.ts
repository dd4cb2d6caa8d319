import path from 'node:path';
import { failure } from '../failure';
import { type Command, type OwnServer, type PlaceOptions, PortServer, serverFolder, type ServerFolder } from '../port-server';
import { findKafka, type KafkaPrograms } from './find-kafka';
import { javaCommand, writeProperties } from './java-server';

export interface ConnectOptions extends PlaceOptions {
  /** Brokers of the Kafka it works for, `host:port,host:port`; no TLS, no password. */
  readonly brokers: string;
  /** Workers of one group share connectors; also the beginning of the names of its three topics in Kafka. Default `connect`. */
  readonly groupId?: string;
  /** The worker's settings on top of ours. */
  readonly config?: Readonly<Record<string, string>>;
  readonly logLevel?: 'warn' | 'info';
  /** For benchmarks: heap of 1 GB, and Java's optimising compiler. Default false: it starts quickly and takes little. */
  readonly fast?: boolean;
  /** Default 120,000 ms. */
  readonly startTimeoutMs?: number;
}

/** A Kafka Connect worker with Debezium's connectors for PostgreSQL and SQL Server; its state is in Kafka, not in its folder. It ends with this process, however that ends. */
export interface ConnectServer extends OwnServer {
  /** Of its REST interface, without a slash at the end. */
  readonly url: string;
}

/**
 * Starts a distributed worker and waits until it has joined its group.
 *
 * @throws ElstreamError `SERVERS` with the end of the worker's log, or as `findKafka`
 */
export async function startConnect(options: ConnectOptions): Promise<ConnectServer> {
  const programs = await findKafka();
  return new Server(options, { programs, ...serverFolder(options.dir, 'connect') }).begin();
}

class Server extends PortServer implements ConnectServer {
  constructor(
    private readonly options: ConnectOptions,
    private readonly place: ServerFolder & { readonly programs: KafkaPrograms },
  ) {
    super(
      { what: 'Kafka Connect', dir: place.dir, own: place.own, logFile: path.join(place.dir, 'connect.log'), stopPatienceMs: 10_000 },
      { port: options.port, preferredPort: options.preferredPort, startTimeoutMs: options.startTimeoutMs ?? 120_000 },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  protected override command(): Promise<Command> {
    const { dir, programs } = this.place;
    const { config, logLevel, fast = false } = this.options;
    const settings = path.join(dir, 'connect.properties');
    writeProperties(settings, { ...workerSettings(this.url, programs.plugins, this.options), ...config });
    const mainClass = 'org.apache.kafka.connect.cli.ConnectDistributed';
    return Promise.resolve(javaCommand({ java: programs.java, classes: programs.connectClasses, mainClass, args: [settings], heap: fast ? '1g' : '384m', fast, dir, ...(logLevel ? { logLevel } : {}) }));
  }

  /** Healthy: it has joined its group and read its topics. One that could not take its port ends, so it is ours that answers. */
  protected override async isReady(): Promise<boolean> {
    return (await ask(this.url, 'health', 2_000)).status === 'healthy';
  }
}

/** What the worker at `url` says of itself: `Kafka Connect 4.3.1`. @throws ElstreamError when nothing answers, or no Kafka Connect */
export async function describeConnect(url: string): Promise<string> {
  const { version } = await ask(url.replace(/\/+$/, ''), '', 5_000);
  if (version === undefined) throw failure('what answers is no Kafka Connect');
  return `Kafka Connect ${version}`;
}

async function ask(url: string, what: string, timeoutMs: number): Promise<{ version?: string; status?: string }> {
  const response = await fetch(`${url}/${what}`, { signal: AbortSignal.timeout(timeoutMs), headers: { accept: 'application/json' } });
  if (!response.ok) throw failure(`HTTP status ${String(response.status)}`);
  return (await response.json()) as { version?: string; status?: string };
}

function workerSettings(url: string, plugins: string, { brokers, groupId = 'connect' }: ConnectOptions): Record<string, string> {
  const topics = Object.fromEntries(['config', 'offset', 'status'].flatMap((name) => [[`${name}.storage.topic`, `${groupId}-${name}s`], [`${name}.storage.replication.factor`, '1']]));
  return {
    'bootstrap.servers': brokers,
    'group.id': groupId,
    listeners: url,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': plugins,
    // All of ours name themselves: nothing need be searched for, which would take seconds.
    'plugin.discovery': 'service_load',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    ...topics,
    'offset.storage.partitions': '1',
    'status.storage.partitions': '1',
    // R3: a single instance of a connector writes, and what a transaction has written is not repeated in parts.
    'exactly.once.source.support': 'enabled',
    'offset.flush.interval.ms': '1000',
    // One that was killed comes back at once: nobody else waits for its connectors.
    'scheduled.rebalance.max.delay.ms': '0',
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '1000',
    'task.shutdown.graceful.timeout.ms': '3000',
    // An event of 10 MB.
    'producer.max.request.size': String(16 * 1024 * 1024),
    'consumer.max.partition.fetch.bytes': String(16 * 1024 * 1024),
  };
}
