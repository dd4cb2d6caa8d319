import { productOfUrl, readMssqlUrl, type MssqlEndpoint } from '@elstream/core';
import { foldName } from './name-limit';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

const POSTGRES_PORT = 5432;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** What keeps a text from being the connection URL of a database; completes "must be …" or "has …". Null: nothing. Never repeats the URL. */
export function urlProblem(text: string): string | null {
  const url = parse(text);
  const product = productOfUrl(text);
  if (product === null || url === null || url.pathname.length <= 1) return 'must be a URL such as postgres://user:${PASSWORD}@host:5432/database or mssql://user:${PASSWORD}@host:1433/database';
  const read = product === 'mssql' ? readMssqlUrl(text) : null;
  return typeof read === 'string' ? read : null;
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
  const mssql = mssqlOf(text);
  if (mssql !== null) return { host: mssql.host, port: mssql.port ?? 0, instance: mssql.instance ?? null };
  const url = parse(text);
  const host = url === null || url.hostname === '' ? (url?.searchParams.get('host') ?? 'localhost') : url.hostname;
  return { host: host.replace(/^\[|\]$/g, ''), port: url === null || url.port === '' ? POSTGRES_PORT : Number(url.port), instance: null };
}

/** Server and database of a URL. SQL Server does not tell names of databases by their case, unless its collation is one that does, nor by blanks at their end. */
export function databaseOf(text: string): string {
  const mssql = mssqlOf(text);
  return `${serverOf(text)}${mssql === null ? (parse(text)?.pathname ?? '') : `/${foldName(mssql.database, 'mssql')}`}`;
}

/** Null: no URL of SQL Server, or none that is right. */
function mssqlOf(text: string): MssqlEndpoint | null {
  const read = readMssqlUrl(text);
  return typeof read === 'string' ? null : read;
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
