import { ElstreamError, type Logger } from '@elstream/core';
import type { TransactionTimeouts } from '../transaction';

export interface MssqlConnection {
  /** `mssql://user:password@host:port/database?encrypt=true&trustServerCertificate=false`; never logged. */
  readonly url: string;
  /** Shown in sys.dm_exec_sessions, so that a DBA knows who it is. */
  readonly applicationName: string;
  /** Upper bound of connections this process opens to the database (R14). */
  readonly maxConnections: number;
  readonly timeouts: TransactionTimeouts;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
  /** A readable secondary of an availability group may answer. */
  readonly readOnlyIntent?: boolean;
}

/** What the driver has to be told, in node-mssql's words. */
export interface MssqlEndpoint {
  readonly host: string;
  /** Undefined: a named instance, whose port the server's browser service tells. */
  readonly port: number | undefined;
  readonly instance: string | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Default true. */
  readonly encrypt: boolean;
  /** Default false: the server's certificate is checked. */
  readonly trustServerCertificate: boolean;
}

const DEFAULT_PORT = 1433;
const PARAMETERS = ['encrypt', 'trustServerCertificate', 'instanceName'];

/** Throws `DB_URL` (refuse) that names what is wrong, without the URL. */
export function parseMssqlUrl(text: string): MssqlEndpoint {
  const refuse = (what: string): never => {
    throw new ElstreamError('DB_URL', 'refuse', `the connection URL ${what}; write mssql://user:password@host:1433/database?encrypt=true`);
  };
  if (!URL.canParse(text)) return refuse('is no URL');
  const url = new URL(text);
  if (!/^(?:mssql|sqlserver):$/.test(url.protocol)) return refuse('does not begin with mssql://');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '') return refuse('names no database');
  if (url.hostname === '') return refuse('names no host');
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) return refuse(`has the parameter ${unknown}, and only ${PARAMETERS.join(', ')} are known`);
  const flag = (name: string, byDefault: boolean): boolean => {
    const value = url.searchParams.get(name);
    if (value !== null && value !== 'true' && value !== 'false') return refuse(`has ${name}=${value}, where true or false belongs`);
    return value === null ? byDefault : value === 'true';
  };
  const instance = url.searchParams.get('instanceName') ?? undefined;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port !== '' ? Number(url.port) : instance === undefined ? DEFAULT_PORT : undefined,
    instance,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    encrypt: flag('encrypt', true),
    trustServerCertificate: flag('trustServerCertificate', false),
  };
}
