import { type Logger } from '@elstream/core';

/** What an embedded server is started with. Only `dataDir` has no default. */
export interface EmbeddedPostgresOptions {
  /** Folder of the cluster. Made when absent. May be placed elsewhere (see `EmbeddedServer.dataDir`) when we run as root. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; 0 (default): the port of the last start if it is free, else any free one. */
  readonly port?: number;
  /** Name of the superuser, fixed when the cluster is made. Default `postgres`. */
  readonly user?: string;
  /** Its password, fixed when the cluster is made. Default: a random one, remembered in the data folder. */
  readonly password?: string;
  /** false: the data folder is deleted on `stop`. Default true. */
  readonly persistent?: boolean;
  /** false: no fsync; a crash of the machine may destroy the cluster. For tests and demonstrations only. Default true. */
  readonly durable?: boolean;
  /** Server settings on top of (or instead of) `defaultSettings`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long a start may take, crash recovery included. Default 120,000 ms. */
  readonly startTimeoutMs?: number;
  /** Where the platform package's `native` folder lies; default: found among the installed packages. */
  readonly nativeDir?: string;
  readonly logger?: Logger;
}

/**
 * `smart` waits for clients, `fast` disconnects them, `immediate` skips the shutdown checkpoint (the next start recovers).
 * A stop that is not done after 10 s goes on to the next sharper mode.
 */
export type StopMode = 'smart' | 'fast' | 'immediate';

/** A running embedded PostgreSQL. Everything but `restart` and `stop` reflects the present state. */
export interface EmbeddedServer {
  /** Connection string of the superuser to the database `postgres`. Holds the password: never log it. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Where the data really lies: as root it may differ from the wanted folder, but is the same at each start. */
  readonly dataDir: string;
  readonly logFile: string;
  /** Process id of the postmaster; undefined while stopped. */
  readonly pid: number | undefined;
  /** Connection string to another database of this server. */
  urlOf(database: string): string;
  /** Idempotent. With `persistent: false` the data folder is gone afterwards. Default mode `fast`. */
  stop(mode?: StopMode): Promise<void>;
  /** SIGKILL of the postmaster and all its children, as a power cut would; for fault tests. `restart` recovers. */
  kill(): Promise<void>;
  /** Stops (fast) if running and starts again on the same port. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What every cluster of ours runs with unless `settings` says otherwise. */
export const defaultSettings: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_prepared_transactions: '20',
  max_connections: '100',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  logging_collector: 'off',
};

/** Settings of the start's command line. */
export function serverSettings(options: EmbeddedPostgresOptions): Record<string, string> {
  const unsafe = options.durable === false ? { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' } : {};
  // In its folder, which goes: what lies elsewhere stays behind where the server is killed.
  const passing = options.persistent === false && process.platform !== 'win32' ? { dynamic_shared_memory_type: 'mmap' } : {};
  return { ...defaultSettings, ...unsafe, ...passing, ...options.settings };
}
