/** Where Redis is; one server (perhaps behind a proxy), or a master that Sentinels know. Holds passwords. */
export interface RedisSettings {
  /** REDIS_URL: `redis[s]://[user:password@]host[:port][/db]`; with Sentinels its user, password, db and TLS count, its host does not. */
  readonly url: string;
  /** REDIS_SENTINELS (`host:port,host:port`) and REDIS_SENTINEL_MASTER; null: no Sentinels. */
  readonly sentinel: { readonly nodes: readonly { readonly host: string; readonly port: number }[]; readonly master: string; readonly password: string | null } | null;
  /** REDIS_TLS_CA_FILE: PEM file of the authorities that sign the server's certificate; null: the system's. */
  readonly tlsCaFile: string | null;
  /** REDIS_PREFIX: put before every key and channel, so that installations can share a server. */
  readonly prefix: string;
}
