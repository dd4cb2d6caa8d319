import { isLoopback } from './connection-url';
import { validate, type SettingProblem } from './issues';
import { ConfigError } from './problem';
import { redisProblems, redisSettings, type RedisSettings } from './redis-settings';
import type { Environment } from './references';
import { DEFAULT_PORTS, serviceSchema, servicesOf, type ServiceName } from './service-schema';

export interface ServiceSettings {
  readonly pipelinesDir: string;
  /** Standalone only; elsewhere its default. */
  readonly varDir: string;
  readonly httpHost: string;
  readonly httpPort: number;
  /** Null: no token; then the API's `httpHost` is loopback. Null also where no API is served. */
  readonly apiToken: string | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** How long a process may be silent before others take over what it had in hand, milliseconds. */
  readonly leaseMs: number;
  /** Between readings of the pipeline files, milliseconds; 0: never again after the start. */
  readonly reloadMs: number;
  /** Null: the service uses none (standalone, migrate). */
  readonly redis: RedisSettings | null;
}

type VariableName = keyof typeof serviceSchema.shape;

/** Names of the environment variables this service reads; no other service's and nothing else (but what pipeline files refer to). */
export function environmentOf(service: ServiceName): readonly string[] {
  return Object.keys(serviceSchema.shape).filter((name) => servicesOf(serviceSchema.shape[name as VariableName]).includes(service));
}

/** Unset and empty are the same; variables of other services do not matter. Throws `ConfigError` with everything that is wrong. */
export function loadServiceSettings(env: Environment, service: ServiceName): ServiceSettings {
  const names = environmentOf(service);
  const given = Object.fromEntries(names.flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])));
  const result = validate(serviceSchema, given);
  const problems: SettingProblem[] = result.ok ? [] : [...result.problems];
  if (names.includes('REDIS_URL') && given['REDIS_URL'] === undefined) {
    problems.push({ path: ['REDIS_URL'], message: `is missing: the ${service} shares its work with other processes through Redis; set it, or use \`npm start\` for one process that needs none` });
  }
  if (!result.ok || problems.length > 0) throw refusal(problems);
  const { data } = result;
  if (names.includes('API_TOKEN') && data.API_TOKEN === undefined && !isLoopback(data.HTTP_HOST)) {
    problems.push({ path: ['API_TOKEN'], message: `is missing, while HTTP_HOST is ${data.HTTP_HOST}, which others can reach; set API_TOKEN or HTTP_HOST=127.0.0.1` });
  }
  const redis = data.REDIS_URL === undefined ? null : { ...data, REDIS_URL: data.REDIS_URL };
  if (redis !== null) problems.push(...redisProblems(redis));
  if (problems.length > 0) throw refusal(problems);
  return {
    pipelinesDir: data.PIPELINES_DIR,
    varDir: data.VAR_DIR,
    httpHost: data.HTTP_HOST,
    httpPort: data.HTTP_PORT ?? DEFAULT_PORTS[service],
    apiToken: data.API_TOKEN ?? null,
    logLevel: data.LOG_LEVEL,
    leaseMs: data.LEASE_DURATION,
    reloadMs: data.RELOAD_INTERVAL,
    redis: redis === null ? null : redisSettings(redis),
  };
}

function refusal(problems: readonly SettingProblem[]): ConfigError {
  return new ConfigError(problems.map(({ path, message }) => ({ file: 'environment', line: null, setting: path.join('.'), message })));
}
