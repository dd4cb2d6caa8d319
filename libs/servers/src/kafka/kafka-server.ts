import { freePort } from '@elstream/embedded-postgres';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { failure } from '../failure';
import { type Command, lastLines, type OwnServer, type PlaceOptions, PortServer, serverFolder, type ServerFolder } from '../port-server';
import { run } from '../run';
import { findKafka, type KafkaPrograms } from './find-kafka';
import { javaCommand, writeProperties } from './java-server';
import { describeKafka } from './probe';

export interface KafkaServerOptions extends PlaceOptions {
  /** The broker's settings on top of ours, such as `log.retention.check.interval.ms`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Beside the plain one, which the brokers use among themselves. */
  readonly listeners?: readonly KafkaListener[];
  /** Users that log in by SCRAM; made with the folder, so not in one that is there already. */
  readonly scramUsers?: readonly ScramUser[];
  readonly logLevel?: 'warn' | 'info';
  /** As of `ConnectOptions`. */
  readonly fast?: boolean;
  /** How long a start may take, the recovery of kept data included. Default 90,000 ms. */
  readonly startTimeoutMs?: number;
}

/** A listener on a free port of 127.0.0.1. */
export interface KafkaListener {
  /** Of capital letters. */
  readonly name: string;
  readonly protocol: 'SSL' | 'SASL_SSL' | 'SASL_PLAINTEXT';
  /** The broker's settings for this listener alone, such as `ssl.keystore.location`; read at each start. */
  readonly config: Readonly<Record<string, string>>;
}

export interface ScramUser {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly name: string;
  readonly password: string;
}

/**
 * A Kafka of one broker, its own controller, on 127.0.0.1. It keeps its data over `kill` and `restart`, and ends with this
 * process, however that ends. Topics are not made by being named.
 */
export interface KafkaServer extends OwnServer {
  /** `127.0.0.1:port` */
  readonly brokers: string;
  /** The same of a listener that was asked for, by its name. */
  brokersOf(listener: string): string;
}

/** What a record may have at most: a change event of 10 MB, and the rest of its batch. */
const MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Starts a Kafka and waits until it serves.
 *
 * @throws ElstreamError `SERVERS` with the end of the server's log, or as `findKafka`
 */
export async function startKafkaServer(options: KafkaServerOptions = {}): Promise<KafkaServer> {
  const programs = await findKafka();
  return new Server(options, { programs, ...serverFolder(options.dir, 'kafka') }).begin();
}

class Server extends PortServer implements KafkaServer {
  #clusterId: string | undefined;
  /** Of the listeners beside the plain one; kept as long as its port is. */
  #beside: { readonly port: number; readonly listeners: readonly PlacedListener[] } | undefined;

  constructor(
    private readonly options: KafkaServerOptions,
    private readonly place: ServerFolder & { readonly programs: KafkaPrograms },
  ) {
    super(
      { what: 'Kafka', dir: place.dir, own: place.own, logFile: path.join(place.dir, 'kafka.log'), stopPatienceMs: 10_000 },
      { port: options.port, preferredPort: options.preferredPort, startTimeoutMs: options.startTimeoutMs ?? 90_000 },
    );
  }

  get brokers(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  brokersOf(listener: string): string {
    const found = this.#beside?.listeners.find(({ name }) => name === listener);
    if (found === undefined) throw failure(`Kafka was not asked for a listener ${listener}`);
    return `127.0.0.1:${String(found.port)}`;
  }

  protected override async command(): Promise<Command> {
    const { dir, programs } = this.place;
    const settings = path.join(dir, 'server.properties');
    const { listeners = [], config } = this.options;
    const [controller = 0, ...ports] = await portsBeside(this.port, 1 + listeners.length);
    if (this.#beside?.port !== this.port) this.#beside = { port: this.port, listeners: listeners.map((listener, i) => ({ ...listener, port: ports[i] ?? 0 })) };
    writeProperties(settings, { ...brokerSettings(dir, controller), ...listenerSettings(this.port, controller, this.#beside.listeners), ...config });
    this.#clusterId = clusterIdOf(dir) ?? (await this.format(settings));
    return this.java('kafka.Kafka', [settings], programs);
  }

  /** The cluster's id is asked for: on a port that was drawn at the same time another server may answer. */
  protected override async isReady(): Promise<boolean> {
    const { clusterId, brokers } = await describeKafka(this.brokers, 1_000);
    return clusterId === this.#clusterId && brokers > 0;
  }

  /** Makes the folder of the data, once in its life. */
  private async format(settings: string): Promise<string> {
    rmSync(dataDir(this.place.dir), { recursive: true, force: true });
    // As Kafka writes them: 16 bytes, base64url, no dash at the beginning.
    const id = `E${randomBytes(16).toString('base64url').slice(1, 21)}A`;
    const users = (this.options.scramUsers ?? []).flatMap(({ mechanism, name, password }) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]);
    const { program, args, env } = this.java('kafka.tools.StorageTool', ['format', '-t', id, '-c', settings, ...users], this.place.programs);
    const { code, stdout, stderr } = await run(program, args, { env: { ...process.env, ...env } });
    const formatted = clusterIdOf(this.place.dir);
    if (code !== 0 || formatted === undefined) throw failure(`Kafka's folder ${this.place.dir} cannot be prepared: ${lastLines(stdout + stderr)}`);
    return formatted;
  }

  private java(mainClass: string, args: readonly string[], { java, brokerClasses: classes }: KafkaPrograms): Command {
    const { logLevel, fast = false } = this.options;
    return javaCommand({ java, classes, mainClass, args, heap: fast ? '1g' : '384m', fast, dir: this.place.dir, ...(logLevel ? { logLevel } : {}) });
  }
}

const dataDir = (dir: string): string => path.join(dir, 'data');

/** As the formatted folder says; undefined when it is not formatted. */
function clusterIdOf(dir: string): string | undefined {
  const file = path.join(dataDir(dir), 'meta.properties');
  return existsSync(file) ? /^cluster\.id=(.+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
}

async function portsBeside(port: number, count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const other = await freePort();
    if (other !== port) found.add(other);
  }
  return [...found];
}

type PlacedListener = KafkaListener & { readonly port: number };

function listenerSettings(port: number, controllerPort: number, beside: readonly PlacedListener[]): Record<string, string> {
  const all = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', port }, ...beside];
  const advertised = all.map((listener) => `${listener.name}://127.0.0.1:${String(listener.port)}`).join(',');
  return {
    listeners: `${advertised},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': advertised,
    'listener.security.protocol.map': [...all.map(({ name, protocol }) => `${name}:${protocol}`), 'CONTROLLER:PLAINTEXT'].join(','),
    ...Object.fromEntries(beside.flatMap(({ name, config }) => Object.entries(config).map(([key, value]) => [`listener.name.${name.toLowerCase()}.${key}`, value]))),
  };
}

function brokerSettings(dir: string, controllerPort: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    // Its own only voter: the port may be another at each start.
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDir(dir),
    // A misspelt topic is to be an error, as it is where operators have switched this off.
    'auto.create.topics.enable': 'false',
    'message.max.bytes': String(MESSAGE_BYTES),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    // A broker that was killed and comes back is let in again after this time.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    // No other member is about to join.
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '3',
    'log.cleaner.dedupe.buffer.size': '2097152',
  };
}
