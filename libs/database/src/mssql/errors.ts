import { ElstreamError, type Recovery } from '@elstream/core';

/** Error number → our code, recovery and the remedy. Source: «Database Engine events and errors» of Microsoft's documentation. */
const KNOWN: Readonly<Record<number, readonly [code: string, recovery: Recovery, remedy: string]>> = {
  ...many([18456, 18452, 18470, 18486, 18487, 18488], 'DB_PASSWORD', 'stop', 'check the user and password in the connection URL'),
  ...many([4063, 911], 'DB_DATABASE', 'stop', 'check the database name in the connection URL, and that the login may use it'),
  // also said of one that is offline, or recovered after a crash or a failover
  ...many([4060], 'DB_DATABASE', 'retry', 'see that the database is online; check its name in the connection URL, and that the login may use it'),
  ...many([229, 230, 262, 297, 300, 371, 916, 3701, 15151, 15247], 'DB_PRIVILEGE', 'stop', 'grant the missing privilege to the connecting login'),
  ...many([1205], 'DB_DEADLOCK', 'retry', 'deadlock'),
  ...many([1222], 'DB_LOCK_TIMEOUT', 'retry', 'another session holds a lock for too long'),
  ...many([3960, 3961], 'DB_SERIALIZATION', 'retry', 'concurrent change'),
  ...many([3948, 3949, 3950, 3953, 3954, 3956, 3957], 'DB_SERIALIZATION', 'retry', 'a snapshot cannot be had just now'),
  ...many([3958, 3966, 3967], 'DB_DISK_FULL', 'retry', 'row versions have no room in tempdb; let it grow, or look for long transactions'),
  ...many([3951, 3952], 'DB_SNAPSHOT', 'stop', 'run ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON'),
  ...many([1204, 701, 802, 8623, 8645, 8651, 8628], 'DB_OUT_OF_MEMORY', 'retry', 'the database server is short of memory or locks'),
  ...many([1101, 1105, 5149], 'DB_DISK_FULL', 'retry', 'free disk space on the database server; the work goes on by itself'),
  ...many([9002], 'DB_DISK_FULL', 'retry', 'the transaction log is full; back it up or let it grow; the work goes on by itself'),
  ...many([3906, 3908], 'DB_READ_ONLY', 'retry', 'the database is read-only, perhaps a secondary; point the connection URL at the primary'),
  ...many([976, 978, 979, 982, 983, 988, 4221, 5901], 'DB_SECONDARY', 'retry', 'the replica cannot be read now; check the availability group'),
  ...many([845, 913, 921, 922, 923, 924, 927, 929, 941, 942, 945, 952, 955, 956, 6005, 9001, 17142, 17187, 17197, 18401, 18451, 18461, 40197, 40501, 40540, 40613, 49918, 49919, 49920], 'DB_SHUTDOWN', 'retry', 'the database or its server is stopping, starting or busy'),
  ...many([10928, 10929, 17809, 17810], 'DB_CONNECTIONS', 'retry', 'the server takes no more connections; lower the connection limit in the pipeline'),
  ...many([-2, 3617, 596, 233, 64, 10053, 10054, 10060, 10061, 121, 258, 3980, 3989], 'DB_CONNECTION', 'retry', 'the connection to the database broke'),
};

/** Values that a column or conversion does not take: the server's own text quotes the value, so it is never passed on (R10). */
const VALUE_ERRORS: Readonly<Record<number, string>> = {
  220: 'a number is out of range',
  232: 'a number is out of range',
  241: 'a text is no date or time',
  242: 'a date or time is out of range',
  244: 'a number is out of range',
  245: 'a text is no value of the column’s type',
  248: 'a number is out of range',
  295: 'a text is no date or time',
  511: 'the row is larger than a row can be',
  515: 'a column that is NOT NULL got NULL',
  517: 'a date or time is out of range',
  547: 'a constraint is violated',
  1946: 'the key is longer than an index can hold',
  2601: 'a unique index is violated',
  2627: 'the primary key is violated: another row has a key that is equal here (perhaps but for blanks at its end)',
  2628: 'a text is too long for its column',
  4815: 'a text is too long for its column',
  4819: 'a value cannot be loaded',
  6354: 'a text is no value of the column’s type',
  7125: 'a value cannot be loaded',
  8023: 'a value is none of its type',
  8114: 'a text is no value of the column’s type',
  8115: 'a number is out of range',
  8134: 'a number is divided by zero',
  8152: 'a text is too long for its column',
  8169: 'a text is no uniqueidentifier',
  8170: 'a text is no uniqueidentifier',
  9420: 'a text is no XML',
  9803: 'a value is none of its type',
  9809: 'a text is no date or time',
  13609: 'a text is no JSON',
};

/** Codes of the driver (node-mssql, tedious) and of Node's sockets that mean the connection. */
const BROKEN: ReadonlySet<string> = new Set(['ESOCKET', 'ECONNCLOSED', 'ENOTOPEN', 'ENOCONN', 'ECONNRESET', 'EPIPE', 'EABORT', 'ENOTBEGUN', 'EALREADYBEGUN', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'EINSTLOOKUP']);
/** Node's words for a certificate that it does not accept; in the driver's error as the cause of a broken socket. */
const CERTIFICATE = /^(?:ERR_TLS_CERT_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT\w*|VERIFY_LEAF_SIGNATURE)|HOSTNAME_MISMATCH)$/;
/** node-mssql's pool waits for a connection and gives up with this name. */
const POOL_TIMEOUT = 'TimeoutError';

interface ServerError {
  readonly number: number | null;
  readonly code: string | null;
  readonly message: string;
}

/** Any error of the SQL Server driver or TypeORM → `ElstreamError` with code, recovery and remedy; by number, never by server text. */
export function classifyMssqlError(error: unknown): ElstreamError {
  if (error instanceof ElstreamError) return error;
  const { number, code, message } = serverError(error);
  if (number !== null) {
    // A temporary table is gone with its connection: the pool has made another one meanwhile.
    if (number === 208 && /#/.test(message)) return new ElstreamError('DB_CONNECTION', 'retry', 'the connection that held the staged rows broke', { cause: error });
    const known = KNOWN[number];
    if (known !== undefined) return new ElstreamError(known[0], known[1], `${message}; ${known[2]}`, { cause: error });
    const value = VALUE_ERRORS[number];
    // Without the cause: its message holds the value. `park`: another row may well be taken (R7).
    if (value !== undefined) return new ElstreamError(`DB_${String(number)}`, 'park', `${value} [SQL Server error ${String(number)}]`);
    return new ElstreamError(`DB_${String(number)}`, 'stop', `${message} [SQL Server error ${String(number)}]`, { cause: error });
  }
  if (code === 'ETIMEOUT') return new ElstreamError('DB_TIMEOUT', 'retry', `${message}; a statement or the connecting took longer than its timeout`, { cause: error });
  if (code === 'ELOGIN') return new ElstreamError('DB_PASSWORD', 'stop', `${message}; check the user and password in the connection URL`, { cause: error });
  if (code !== null && CERTIFICATE.test(code)) return new ElstreamError('DB_CERTIFICATE', 'stop', `the server's certificate is not accepted: ${message}; give the PEM file of its authority as NODE_EXTRA_CA_CERTS, connect by the name the certificate is for, or leave the check out by trustServerCertificate=true in the connection URL`, { cause: error });
  if (code === 'ECANCEL') return new ElstreamError('DB_CANCELLED', 'retry', 'the statement was cancelled', { cause: error });
  if (code !== null && BROKEN.has(code)) return new ElstreamError('DB_CONNECTION', 'retry', `${message}; check host and port in the connection URL and that the server runs`, { cause: error });
  return new ElstreamError('DB_UNKNOWN', 'stop', message, { cause: error });
}

/** True for errors that come from server, driver or connection; false for our own signals that pass through. */
export function isMssqlError(error: unknown): boolean {
  if (error instanceof ElstreamError) return false;
  const { number, code } = serverError(error);
  return number !== null || code !== null;
}

/** The first error of a statement is the reason; the driver throws the last and keeps those before it. */
function serverError(error: unknown): ServerError {
  let found: ServerError = { number: null, code: null, message: isErrorLike(error) ? error.message : String(error) };
  for (let current: unknown = error, depth = 0; isErrorLike(current) && depth < 5; depth += 1) {
    const candidate = current as Error & { number?: unknown; code?: unknown; driverError?: unknown; originalError?: unknown; precedingErrors?: unknown; info?: { number?: unknown } };
    const [first] = Array.isArray(candidate.precedingErrors) ? (candidate.precedingErrors as unknown[]) : [];
    if (isErrorLike(first)) return serverError(first);
    const number = typeof candidate.number === 'number' ? candidate.number : candidate.info?.number;
    if (typeof number === 'number') return { number, code: null, message: candidate.message };
    if (candidate.name === POOL_TIMEOUT) return { number: null, code: 'ETIMEOUT', message: candidate.message };
    if (typeof candidate.code === 'string' && (found.code === null || CERTIFICATE.test(candidate.code))) found = { number: null, code: candidate.code, message: candidate.message };
    current = candidate.driverError ?? candidate.originalError ?? candidate.cause;
  }
  return found;
}

/** By shape: an error made by Node itself is no `instanceof Error` of another realm. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string';
}

function many(numbers: readonly number[], ...meaning: [string, Recovery, string]): Record<number, readonly [string, Recovery, string]> {
  return Object.fromEntries(numbers.map((number) => [number, meaning]));
}
