import { ElstreamError } from '@elstream/core';

type Environment = Readonly<Record<string, string | undefined>>;

const HEADER_SETTINGS = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'] as const;
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';

/**
 * Where spans are sent, by the exporter specification of OpenTelemetry: the traces endpoint as it is, else the general
 * one with `v1/traces` below it. Null: nowhere. Unset and empty are the same.
 *
 * @param endpoint in place of OTEL_EXPORTER_OTLP_ENDPOINT; null switches traces off whatever the environment says
 * @throws ElstreamError `OTLP_ENDPOINT_INVALID` (refuse), naming the setting
 */
export function tracesUrl(env: Environment, endpoint?: string | null): string | null {
  if (endpoint === null) return null;
  const traces = env[TRACES_ENDPOINT] ?? '';
  if (endpoint === undefined && traces !== '') return parse(TRACES_ENDPOINT, traces).toString();
  const base = endpoint ?? env[ENDPOINT] ?? '';
  if (base === '') return null;
  const url = parse(ENDPOINT, base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.toString();
}

function parse(setting: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  // The text itself is not shown: it may hold credentials.
  throw new ElstreamError('OTLP_ENDPOINT_INVALID', 'refuse', `${setting} is no http:// or https:// URL; set it to the OTLP/HTTP address of the collector, such as http://collector:4318, or leave it empty`, {
    place: { setting },
  });
}

/** Every text of the exporter's headers that must not be shown: the values, as written and decoded; longest first. */
export function headerSecrets(env: Environment): readonly string[] {
  const written = HEADER_SETTINGS.flatMap((name) => (env[name] ?? '').split(',')).flatMap((pair) => {
    const value = pair.slice(pair.indexOf('=') + 1).trim();
    return [value, decoded(value), ...decoded(value).split(/\s+/)];
  });
  // Short ones would cut holes into unrelated words; `Basic` and `Bearer` say nothing.
  return [...new Set(written)].filter((text) => text.length >= 4 && !/^(?:basic|bearer)$/i.test(text)).sort((a, b) => b.length - a.length);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // Not percent-encoded: the value is what it is.
    return value;
  }
}
