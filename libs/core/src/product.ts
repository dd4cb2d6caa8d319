/** The database products on either side. A third is one adapter each for source, capture and warehouse. */
export type Product = 'postgres' | 'mssql';

/** The database product a connection URL leads to, by its scheme; null: to none we know. */
export function productOfUrl(text: string): Product | null {
  if (!URL.canParse(text)) return null;
  const { protocol } = new URL(text);
  if (/^postgres(?:ql)?:$/.test(protocol)) return 'postgres';
  return /^(?:mssql|sqlserver):$/.test(protocol) ? 'mssql' : null;
}

/** What a URL of SQL Server says, `mssql://user:password@host:port/database?encrypt=true&trustServerCertificate=false`. */
export interface MssqlEndpoint {
  /** An address of IPv6 without brackets. */
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

const isFlag = (value: string): boolean => value === 'true' || value === 'false';
const PARAMETERS: Readonly<Record<string, { readonly wanted: string; readonly check: (value: string) => boolean }>> = {
  encrypt: { wanted: 'true or false', check: isFlag },
  trustServerCertificate: { wanted: 'true or false', check: isFlag },
  instanceName: { wanted: 'the name of an instance', check: (value) => /^[^\s\\/]+$/.test(value) },
};

/** The one reader of such URLs. A text says what is wrong with it, as the rest of a sentence that begins with the URL or its setting, and holds no part of the URL that may be secret. */
export function readMssqlUrl(text: string): MssqlEndpoint | string {
  if (productOfUrl(text) !== 'mssql') return 'must be a URL such as mssql://user:${PASSWORD}@host:1433/database';
  const url = new URL(text);
  const problem = shapeProblem(url) ?? parameterProblem(url);
  if (problem !== null) return problem;
  const parts = decoded([url.username, url.password, url.pathname.slice(1)]);
  if (parts === null) return 'has a % that begins no code of a character; write %25';
  const [user, password, database] = parts as [string, string, string];
  if (database.includes('\0') || database.length > 128) return 'must name a database of 1 to 128 characters';
  const instance = url.searchParams.get('instanceName') ?? undefined;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port !== '' ? Number(url.port) : instance === undefined ? DEFAULT_PORT : undefined,
    instance,
    user,
    password,
    database,
    encrypt: (url.searchParams.get('encrypt') ?? 'true') === 'true',
    trustServerCertificate: url.searchParams.get('trustServerCertificate') === 'true',
  };
}

function shapeProblem({ hostname, pathname, hash, port, searchParams }: URL): string | null {
  if (hostname === '' || hostname.includes(',')) return 'must name a host and its port as in mssql://user:${PASSWORD}@host:1433/database';
  if (pathname.length <= 1) return 'must name a database as in mssql://user:${PASSWORD}@host:1433/database';
  // What a password brings with it that was not encoded, or a slash at the end.
  if (pathname.slice(1).includes('/') || hash !== '') return `has a ${hash === '' ? '/' : '#'} after the database; in user, password and database write ${hash === '' ? '%2F' : '%23'}`;
  if (port === '0') return 'has port 0; write 1433, or the port that the server listens on';
  return port !== '' && searchParams.has('instanceName') ? 'names both a port and an instance; name one of the two' : null;
}

function parameterProblem({ searchParams }: URL): string | null {
  for (const [name, value] of searchParams) {
    const known = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (known === undefined) return `has a parameter ${name}, which is not known; known are ${Object.keys(PARAMETERS).join(', ')}`;
    if (!known.check(value)) return `has a parameter ${name}, which must be ${known.wanted}`;
    if (searchParams.getAll(name).length > 1) return `has the parameter ${name} more than once`;
  }
  return null;
}

/** Null: a `%` that is none of an encoding. */
function decoded(parts: readonly string[]): string[] | null {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return null;
  }
}
