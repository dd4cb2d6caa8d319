import type { SettingProblem } from './issues';

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

/** The variables as given, each valid by itself. */
export interface RedisVariables {
  readonly REDIS_URL: string;
  readonly REDIS_SENTINELS?: string | undefined;
  readonly REDIS_SENTINEL_MASTER?: string | undefined;
  readonly REDIS_SENTINEL_PASSWORD?: string | undefined;
  readonly REDIS_TLS_CA_FILE?: string | undefined;
  readonly REDIS_PREFIX: string;
}

type SentinelNodes = NonNullable<RedisSettings['sentinel']>['nodes'];

export function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname } = new URL(text);
  return /^rediss?:$/.test(protocol) && hostname !== '' && /^\/?\d*$/.test(pathname);
}

/** `host:port,host:port` (an IPv6 address in brackets) → nodes; null: not understood. */
export function parseSentinels(text: string): SentinelNodes | null {
  const nodes = text.split(',').map((part) => {
    const match = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@]+):(\d{1,5})$/i.exec(part.trim());
    const [, host, port] = match ?? [];
    return host === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_535 ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  });
  return nodes.includes(null) ? null : nodes.flatMap((node) => node ?? []);
}

/** Settings that exclude each other or have no effect. */
export function redisProblems(given: RedisVariables): SettingProblem[] {
  const { REDIS_SENTINELS: sentinels, REDIS_SENTINEL_MASTER: master, REDIS_SENTINEL_PASSWORD: password } = given;
  const out: SettingProblem[] = [];
  const add = (name: keyof RedisVariables, message: string): void => void out.push({ path: [name], message });
  if (sentinels !== undefined && master === undefined) add('REDIS_SENTINEL_MASTER', 'is missing, while REDIS_SENTINELS is set; set it to the name the Sentinels know the master by');
  if (sentinels === undefined && master !== undefined) add('REDIS_SENTINEL_MASTER', 'has no effect without REDIS_SENTINELS; set REDIS_SENTINELS or remove it');
  if (sentinels === undefined && password !== undefined) add('REDIS_SENTINEL_PASSWORD', 'has no effect without REDIS_SENTINELS; set REDIS_SENTINELS or remove it');
  if (given.REDIS_TLS_CA_FILE !== undefined && !given.REDIS_URL.startsWith('rediss:')) {
    add('REDIS_TLS_CA_FILE', 'has no effect, since REDIS_URL asks for no TLS; write rediss:// there or remove it');
  }
  return out;
}

/** Valid variables without contradiction → settings. */
export function redisSettings(given: RedisVariables): RedisSettings {
  const nodes = given.REDIS_SENTINELS === undefined ? null : parseSentinels(given.REDIS_SENTINELS);
  const sentinel = nodes === null ? null : { nodes, master: given.REDIS_SENTINEL_MASTER ?? '', password: given.REDIS_SENTINEL_PASSWORD ?? null };
  return { url: given.REDIS_URL, sentinel, tlsCaFile: given.REDIS_TLS_CA_FILE ?? null, prefix: given.REDIS_PREFIX };
}
