import { ElstreamError, readMssqlUrl, type Logger, type MssqlEndpoint } from '@elstream/core';
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

/** Throws `DB_URL` (refuse) that names what is wrong, without the URL. */
export function parseMssqlUrl(text: string): MssqlEndpoint {
  const read = readMssqlUrl(text);
  if (typeof read === 'string') throw new ElstreamError('DB_URL', 'refuse', `the connection URL ${read}`);
  return read;
}
