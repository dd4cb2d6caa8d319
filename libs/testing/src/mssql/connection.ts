import { ConnectionPool, type config } from 'mssql';

/** A connection of its own to a SQL Server: what one call leaves behind (temp tables, an open transaction) the next one finds. */
export interface MssqlClient {
  /** Runs one batch as written, without parameters; resolves to the rows of its first result set. bigint comes as text, the rest as the driver parses it. */
  query<Row = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** The rows of every result set. */
  sets(sql: string): Promise<Record<string, unknown>[][]>;
  /** Idempotent. An open transaction is rolled back by the server. */
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 60_000;

/** @param url `mssql://user:password@host:port/database?encrypt=true&trustServerCertificate=true`; TLS as the connection's owner asks for it */
export async function connectMssqlClient(url: string): Promise<MssqlClient> {
  const pool = new ConnectionPool(configOf(url));
  // a lost connection fails the next query, not the process
  pool.on('error', () => undefined);
  await pool.connect();
  let closed: Promise<void> | undefined;
  // A batch, not sp_executesql (which `query` would use): what it makes lives on, and CREATE VIEW may be its first statement.
  const sets = async (sql: string): Promise<Record<string, unknown>[][]> => (await pool.request().batch(sql)).recordsets as Record<string, unknown>[][];
  return {
    sets,
    query: async <Row>(sql: string) => ((await sets(sql))[0] ?? []) as Row[],
    close: () => (closed ??= pool.close()),
  };
}

function configOf(url: string): config {
  const parsed = new URL(url);
  const is = (name: string, otherwise: boolean): boolean => (parsed.searchParams.get(name) ?? String(otherwise)) === 'true';
  return {
    server: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 1433 : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)) || 'master',
    connectionTimeout: 15_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    pool: { min: 1, max: 1, idleTimeoutMillis: 24 * 3_600_000 },
    options: { encrypt: is('encrypt', true), trustServerCertificate: is('trustServerCertificate', false), appName: 'elstream tests', useUTC: true },
  };
}

export const quoteBracket = (name: string): string => `[${name.replaceAll(']', ']]')}]`;
export const quoteN = (text: string): string => `N'${text.replaceAll("'", "''")}'`;
