import type { Product } from '@elstream/core';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

const DEFAULT_PORT: Readonly<Record<Product, number>> = { postgres: 5432, mssql: 1433 };

/** Parameters of a SQL Server URL, with the values each takes. */
const MSSQL_PARAMETERS: Readonly<Record<string, { readonly wanted: string; readonly check: (value: string) => boolean }>> = {
  encrypt: { wanted: 'true or false', check: (value) => value === 'true' || value === 'false' },
  trustServerCertificate: { wanted: 'true or false', check: (value) => value === 'true' || value === 'false' },
  instanceName: { wanted: 'the name of an instance', check: (value) => /^[^\s\\/]+$/.test(value) },
};

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** The database product a URL leads to, by its scheme; null: to none we know. */
export function productOfUrl(text: string): Product | null {
  const protocol = parse(text)?.protocol ?? '';
  if (/^postgres(?:ql)?:$/.test(protocol)) return 'postgres';
  return /^(?:mssql|sqlserver):$/.test(protocol) ? 'mssql' : null;
}

/** What keeps a text from being the connection URL of a database; completes "must be …" or "has …". Null: nothing. Never repeats the URL. */
export function urlProblem(text: string): string | null {
  const product = productOfUrl(text);
  const url = parse(text);
  if (product === null || url === null || url.pathname.length <= 1) return 'must be a URL such as postgres://user:${PASSWORD}@host:5432/database or mssql://user:${PASSWORD}@host:1433/database';
  return product === 'mssql' ? mssqlProblem(url) : null;
}

/** As `parseMssqlUrl` of @elstream/database reads it. */
function mssqlProblem(url: URL): string | null {
  if (url.hostname === '' || url.hostname.includes(',')) return 'must name a host and its port as in mssql://user:${PASSWORD}@host:1433/database';
  if (!isDecodable(url)) return 'has a % that begins no code of a character; write %25';
  for (const [name, value] of url.searchParams) {
    const known = Object.hasOwn(MSSQL_PARAMETERS, name) ? MSSQL_PARAMETERS[name] : undefined;
    if (known === undefined) return `has a parameter ${name}, which is not known; known are ${Object.keys(MSSQL_PARAMETERS).join(', ')}`;
    if (!known.check(value)) return `has a parameter ${name}, which must be ${known.wanted}`;
  }
  return url.port !== '' && url.searchParams.has('instanceName') ? 'names both a port and an instance; name one of the two' : null;
}

/** A `%` in a password that was not encoded is found before it is connected with. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    return [username, password, pathname].map(decodeURIComponent).length > 0;
  } catch {
    return false;
  }
}

/** Server a URL leads to, as far as text can tell: two spellings of one loopback server are one. */
export function serverOf(text: string): string {
  if (parse(text) === null) return text;
  const { host, port, instance } = endpointOf(text);
  const server = isLoopback(host) ? 'localhost' : host.toLowerCase();
  return instance === null ? `${server.includes(':') ? `[${server}]` : server}:${port}` : `${server}\\${instance.toLowerCase()}`;
}

export interface Endpoint {
  /** An address of IPv6 without brackets; one that is missing is this machine. */
  readonly host: string;
  /** 0: an instance of SQL Server is named instead. */
  readonly port: number;
  readonly instance: string | null;
}

/** Where a URL leads to. */
export function endpointOf(text: string): Endpoint {
  const url = parse(text);
  const host = url === null || url.hostname === '' ? (url?.searchParams.get('host') ?? 'localhost') : url.hostname;
  const product = productOfUrl(text) ?? 'postgres';
  const instance = product === 'mssql' ? (url?.searchParams.get('instanceName') ?? null) : null;
  const byDefault = instance === null ? DEFAULT_PORT[product] : 0;
  return { host: host.replace(/^\[|\]$/g, ''), port: url === null || url.port === '' ? byDefault : Number(url.port), instance };
}

/** Server and database of a URL. SQL Server does not tell names of databases by their case, unless its collation is one that does. */
export function databaseOf(text: string): string {
  const path = parse(text)?.pathname ?? '';
  return `${serverOf(text)}${productOfUrl(text) === 'mssql' ? path.toLowerCase() : path}`;
}

/** True if the file itself, not a `${…}` reference in it, gives a password. */
export function hasLiteralPassword(raw: string): boolean {
  const inAuthority = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*?:([^\s/?#]*)@/i.exec(raw)?.[1];
  const inParameter = /[?&]password=([^&]*)/i.exec(raw)?.[1];
  return [inAuthority, inParameter].some((password) => password !== undefined && password !== '' && !password.includes('${'));
}

function parse(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
