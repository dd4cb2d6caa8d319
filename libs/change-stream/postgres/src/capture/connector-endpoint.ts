import { type CaptureEndpoint } from '@elstream/change-stream';
import { ElstreamError } from '@elstream/core';

/** What the connection itself says where the URL does not. */
export interface SessionNames {
  readonly user: string;
  readonly database: string;
}

/** sslmode of a connection URL → the connector's, which knows libpq's words only. */
const SSL_MODES: Readonly<Record<string, string>> = {
  disable: 'disable',
  allow: 'allow',
  prefer: 'prefer',
  require: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
  // the driver's own word: encrypted, but whoever answers is believed
  'no-verify': 'require',
};

/** Files are read where the connector runs. */
const SSL_FILES = ['sslcert', 'sslkey', 'sslrootcert'] as const;

/**
 * The source as a PostgreSQL connector has to be told. What the URL does not say of TLS is left to the connector's defaults.
 * @throws ElstreamError SOURCE_SSLMODE (refuse)
 */
export function connectorEndpoint(url: string, { host, port }: { readonly host: string; readonly port: number }, session: SessionNames): CaptureEndpoint {
  const parsed = new URL(url);
  const params = parsed.searchParams;
  const settings: Record<string, string> = {};
  const mode = sslMode(params);
  if (mode !== null) settings['database.sslmode'] = mode;
  for (const name of SSL_FILES) {
    const file = params.get(name);
    if (file !== null && file !== '' && file !== 'system') settings[`database.${name}`] = file;
  }
  return {
    connector: 'postgresql',
    // it becomes part of a URL there
    host: host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host,
    port,
    user: decodeURIComponent(parsed.username) || (params.get('user') ?? session.user),
    password: decodeURIComponent(parsed.password) || (params.get('password') ?? ''),
    database: decodeURIComponent(parsed.pathname.slice(1)) || session.database,
    settings,
  };
}

function sslMode(params: URLSearchParams): string | null {
  const given = params.get('sslmode');
  if (given === null || given === '') return /^(?:1|true)$/.test(params.get('ssl') ?? '') ? 'require' : null;
  const mode = SSL_MODES[given];
  if (mode === undefined) throw new ElstreamError('SOURCE_SSLMODE', 'refuse', `sslmode '${given}' is not one of ${Object.keys(SSL_MODES).join(', ')}`, { place: { setting: 'source.url' } });
  return mode;
}
