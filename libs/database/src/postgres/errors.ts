import { ElstreamError, type Recovery } from '@elstream/core';

interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly table?: string;
  readonly column?: string;
}

/** SQLSTATE, exact or by class (first two characters) → our code, recovery and the remedy. Source: PostgreSQL manual, appendix A. */
const KNOWN: Readonly<Record<string, readonly [code: string, recovery: Recovery, remedy: string]>> = {
  '28P01': ['DB_PASSWORD', 'stop', 'check the user and password in the connection URL'],
  '28000': ['DB_LOGIN', 'stop', 'check the user in the connection URL and pg_hba.conf'],
  '3D000': ['DB_DATABASE', 'stop', 'check the database name in the connection URL'],
  '42501': ['DB_PRIVILEGE', 'stop', 'grant the missing privilege to the connecting user'],
  '54000': ['DB_VALUE_TOO_LARGE', 'park', 'the row, or its key, is larger than the database can hold'],
  '53100': ['DB_DISK_FULL', 'retry', 'free disk space on the database server; the work goes on by itself'],
  '53200': ['DB_OUT_OF_MEMORY', 'retry', 'the database server is short of memory'],
  '53300': ['DB_CONNECTIONS', 'retry', 'raise max_connections or lower the connection limit in the pipeline'],
  '55006': ['DB_IN_USE', 'retry', 'another session uses the object'],
  '55P03': ['DB_LOCK_TIMEOUT', 'retry', 'another session holds a lock for too long'],
  '57014': ['DB_TIMEOUT', 'retry', 'a statement took longer than its timeout'],
  '25P03': ['DB_IDLE_TIMEOUT', 'retry', 'the transaction was idle for too long'],
  '40001': ['DB_SERIALIZATION', 'retry', 'concurrent change'],
  '40P01': ['DB_DEADLOCK', 'retry', 'deadlock'],
  '25006': ['DB_READ_ONLY', 'retry', 'the server is read-only, perhaps a standby; point the connection URL at the primary'],
  '08': ['DB_CONNECTION', 'retry', 'the connection to the database broke'],
  '53': ['DB_RESOURCES', 'retry', 'the database server is short of resources'],
  '57': ['DB_SHUTDOWN', 'retry', 'the database server is stopping or starting'],
  '58': ['DB_SYSTEM', 'retry', 'an I/O error at the database server'],
};

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check host and port in the connection URL and that the server runs',
  ENOTFOUND: 'the host name is unknown; check the connection URL',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNRESET: 'the server closed the connection',
  EPIPE: 'the server closed the connection',
  ETIMEDOUT: 'the server does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
};

/** Messages of node-postgres and TypeORM that carry no code, as they spell them. The last: TypeORM lets go of a runner whose connection broke. */
const DRIVER_BROKEN = ['Connection terminated', 'Client has encountered a connection error and is not queryable', 'timeout exceeded when trying to connect', 'Client was closed and is not queryable', 'Query read timeout', 'Query runner already released'];

/** Data exceptions (class 22) and broken constraints (23): the server's own text quotes the value, so it is never passed on (R10). */
const VALUE_ERRORS: Readonly<Record<string, string>> = {
  '22001': 'a text is too long for its column',
  '22003': 'a number is out of range',
  '22007': 'a date or time is not one',
  '22008': 'a date or time is out of range',
  '22021': 'a text has a character the database encoding lacks, such as U+0000 or half of a surrogate pair; correct it at the source',
  '22P02': 'a text is no value of the column’s type',
  '22P03': 'a binary value is malformed',
  '22P04': 'a row of a COPY is malformed',
  '22P05': 'a character cannot be translated to the database encoding',
  '23502': 'a column that is NOT NULL got NULL',
  '23503': 'a foreign key is violated',
  '23505': 'a unique constraint is violated',
  '23514': 'a CHECK constraint is violated',
  '23P01': 'an exclusion constraint is violated',
};

/** Any error of the PostgreSQL driver or TypeORM → `ElstreamError` with code, recovery and remedy; by SQLSTATE, never by server text. */
export function classifyPostgresError(error: unknown): ElstreamError {
  if (error instanceof ElstreamError) return error;
  const several = isErrorLike(error) ? (error as { errors?: unknown }).errors : undefined;
  if (Array.isArray(several) && several.length > 0) return classifyPostgresError(several[0]);
  const server = serverError(error);
  if (server !== null) {
    const known = KNOWN[server.code] ?? KNOWN[server.code.slice(0, 2)];
    if (known !== undefined) return new ElstreamError(known[0], known[1], `${server.message}; ${known[2]}`, { cause: error });
    const network = NETWORK[server.code];
    if (network !== undefined) return new ElstreamError('DB_CONNECTION', 'retry', `${server.message}: ${network}`, { cause: error });
    const column = server.column === undefined ? '' : ` (column ${server.column})`;
    if (/^2[23]/.test(server.code)) {
      // Without the cause: its message and detail hold the value. `park`: another row may well be taken (R7).
      const table = server.table === undefined ? '' : ` in ${server.table}`;
      return new ElstreamError(`DB_${server.code}`, 'park', `${VALUE_ERRORS[server.code] ?? 'the database refuses a value'}${table}${column} [SQLSTATE ${server.code}]`);
    }
    return new ElstreamError(`DB_${server.code}`, 'stop', `${server.message}${column} [SQLSTATE ${server.code}]`, { cause: error });
  }
  const message = isErrorLike(error) ? error.message : String(error);
  if (DRIVER_BROKEN.some((known) => message.startsWith(known))) return new ElstreamError('DB_CONNECTION', 'retry', message, { cause: error });
  return new ElstreamError('DB_UNKNOWN', 'stop', message, { cause: error });
}

/** By shape: an error made by Node itself is no `instanceof Error` of another realm (a test runner's, a VM's). */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string';
}

function serverError(error: unknown): ServerError | null {
  for (let current: unknown = error, depth = 0; isErrorLike(current) && depth < 4; depth += 1) {
    const candidate = current as Error & { code?: unknown; driverError?: unknown; table?: unknown; column?: unknown };
    if (typeof candidate.code === 'string') {
      return {
        code: candidate.code,
        message: candidate.message,
        ...(typeof candidate.table === 'string' ? { table: candidate.table } : {}),
        ...(typeof candidate.column === 'string' ? { column: candidate.column } : {}),
      };
    }
    current = candidate.driverError ?? candidate.cause;
  }
  return null;
}

/** True for errors that come from server, driver or connection; false for our own signals that pass through a transaction. */
export function isDatabaseError(error: unknown): boolean {
  return serverError(error) !== null || (isErrorLike(error) && DRIVER_BROKEN.some((known) => error.message.startsWith(known)));
}
