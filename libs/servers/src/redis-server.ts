import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { findRedisServer } from './find-redis';
import { type Command, type OwnServer, type PlaceOptions, PortServer, serverFolder, type ServerFolder } from './port-server';
import { redisCommand } from './resp';

export interface RedisServerOptions extends PlaceOptions {
  /** Password of the user `default`. Default: none is asked for. */
  readonly password?: string;
  /** Lines of redis.conf on top of ours, such as `appendonly yes`. */
  readonly config?: readonly string[];
  /** Arguments on top of ours, such as `--maxmemory 1mb`. */
  readonly args?: readonly string[];
  /** How long a start may take, the reading of kept data included. Default 30,000 ms. */
  readonly startTimeoutMs?: number;
}

/** A Redis server of our own on 127.0.0.1. After `kill`, `restart` brings it back empty, unless `config` makes it keep its data. */
export interface RedisServer extends OwnServer {
  /** `redis://[:password@]127.0.0.1:port`. May hold a password: never log it. */
  readonly url: string;
  /** Deletes every key of every database. */
  flushAll(): Promise<void>;
}

/**
 * Starts a Redis server that writes nothing to disk, and waits until it answers PING.
 *
 * @throws ElstreamError `SERVERS` with the end of the server's log, or as `findRedisServer`
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await findRedisServer();
  return new Server(options, { binary, ...serverFolder(options.dir, 'redis') }).begin();
}

class Server extends PortServer implements RedisServer {
  constructor(
    private readonly options: RedisServerOptions,
    private readonly place: ServerFolder & { readonly binary: string },
  ) {
    super({ what: 'redis-server', dir: place.dir, own: place.own, logFile: path.join(place.dir, 'redis.log') }, { port: options.port, preferredPort: options.preferredPort, startTimeoutMs: options.startTimeoutMs ?? 30_000 });
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${String(this.port)}`;
  }

  protected override command(): Promise<Command> {
    return Promise.resolve({ program: this.place.binary, args: [writeConfig(this.place.dir, this.port, this.options), ...(this.options.args ?? [])] });
  }

  /** Not only PING: on a port that was drawn at the same time another server may answer. */
  protected override async isReady(pid: number): Promise<boolean> {
    const info = await redisCommand(this.url, ['INFO', 'server'], 1_000);
    return info.includes(`process_id:${String(pid)}\r\n`) && (await redisCommand(this.url, ['PING'], 1_000)) === 'PONG';
  }

  async flushAll(): Promise<void> {
    await redisCommand(this.url, ['FLUSHALL', 'SYNC']);
  }
}

/** A file, not arguments: every account can read another's arguments, and the password is among these lines. */
function writeConfig(dir: string, port: number, { password, config = [] }: RedisServerOptions): string {
  const file = path.join(dir, 'redis.conf');
  const lines = [
    'bind 127.0.0.1',
    `port ${String(port)}`,
    'daemonize no',
    'save ""',
    'appendonly no',
    // BullMQ's keys may not be evicted.
    'maxmemory-policy noeviction',
    ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
    ...config,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}
