import { z } from 'zod';
import { isRedisUrl, parseSentinels } from './redis-settings';
import { choice, milliseconds, optionalInteger, text, unset } from './setting';

/** Every program that reads settings from its environment. */
export const SERVICES = ['gateway', 'preloader', 'streamer', 'validator', 'standalone', 'migrate'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** `migrate` listens on nothing. */
export const DEFAULT_PORTS: Readonly<Record<ServiceName, number>> = { gateway: 8400, preloader: 8401, streamer: 8402, validator: 8403, standalone: 8400, migrate: 0 };

/** Those of several processes, which share work through Redis. */
const SHARING = ['gateway', 'preloader', 'streamer', 'validator'] as const;
const LASTING = [...SHARING, 'standalone'] as const;
const API = ['gateway', 'standalone'] as const;

/** Marks which services read the setting; the settings page and `environmentOf` are made from it. */
function readBy<S extends z.ZodType>(services: readonly ServiceName[], schema: S): S {
  return schema.meta({ 'x-services': services });
}

/** The services that read a setting of `serviceSchema`. */
export function servicesOf(schema: z.ZodType): readonly ServiceName[] {
  return (schema.meta()?.['x-services'] as readonly ServiceName[] | undefined) ?? [];
}

const filled = (value: string): boolean => value.trim() !== '';
const isHttpUrl = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
const isSentinelList = (value: string): boolean => parseSentinels(value) !== null;

/** What service processes read from their environment. Unset and empty are the same. */
export const serviceSchema = z.object({
  PIPELINES_DIR: readBy(SERVICES, text('Folder of the pipeline files.', 'a path', filled).default('./pipelines')),
  LOG_LEVEL: readBy(SERVICES, choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'Log lines below this level are dropped.')),
  LEASE_DURATION: readBy(
    LASTING,
    milliseconds({
      min: 1_000,
      max: 600_000,
      default: '15s',
      help: 'How long a process may be silent before others take over what it had in hand: its tasks, the lead among gateways, its stream. The same for all services.',
    }),
  ),
  RELOAD_INTERVAL: readBy(LASTING, milliseconds({ min: 0, max: 3_600_000, default: '5s', help: 'How often the pipeline files are read again; 0: only at the start.' })),
  HTTP_HOST: readBy(
    LASTING,
    text('Address that API, health and metrics listen on; for gateway and standalone any other than loopback needs API_TOKEN.', 'a host name or address', filled).default('127.0.0.1'),
  ),
  HTTP_PORT: readBy(
    LASTING,
    optionalInteger(
      { min: 0, max: 65_535, unit: 'port', help: 'Port that API, health and metrics listen on; 0 takes any free one. The address is logged.' },
      LASTING.map((service) => `\`${String(DEFAULT_PORTS[service])}\` (${service})`).join(', '),
    ),
  ),
  API_TOKEN: readBy(API, unset(z.string(), 'Bearer token that API requests must carry; without it the API listens on loopback only.', 'none')),
  REDIS_URL: readBy(
    SHARING,
    unset(
      text('', 'a URL such as redis://:password@host:6379/0, or rediss:// for TLS', isRedisUrl),
      'Redis server through which the services share tasks and news. With Sentinels its user, password, database and TLS count, its host does not.',
      '*required*',
    ),
  ),
  REDIS_SENTINELS: readBy(SHARING, unset(text('', 'a list such as host-a:26379,host-b:26379', isSentinelList), 'Sentinels that know the master, host:port separated by commas.', 'none')),
  REDIS_SENTINEL_MASTER: readBy(SHARING, unset(z.string(), 'Name the Sentinels know the master by.', 'none')),
  REDIS_SENTINEL_PASSWORD: readBy(SHARING, unset(z.string(), 'Password of the Sentinels.', 'none')),
  REDIS_TLS_CA_FILE: readBy(SHARING, unset(z.string(), 'PEM file of the authorities that sign the certificate of Redis.', "the system's")),
  REDIS_PREFIX: readBy(
    SHARING,
    text('Put before every key and channel, so that installations can share a Redis server.', 'one to 64 letters, digits, dots, dashes or underscores', (value) => /^[\w.-]{1,64}$/.test(value)).default('elstream'),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: readBy(LASTING, unset(text('', 'an http or https URL', isHttpUrl), 'OpenTelemetry collector (OTLP over HTTP) that traces are sent to.', 'no traces')),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: readBy(LASTING, unset(text('', 'an http or https URL', isHttpUrl), 'The same for traces alone, with its whole path; goes before the other.', 'none')),
  OTEL_EXPORTER_OTLP_HEADERS: readBy(LASTING, unset(z.string(), 'Headers sent to the collector, name=value separated by commas.', 'none')),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: readBy(LASTING, unset(z.string(), 'The same for traces alone.', 'none')),
  VAR_DIR: readBy(['standalone'], text('Folder of what the standalone process keeps: the data of embedded databases.', 'a path', filled).default('./var')),
});
