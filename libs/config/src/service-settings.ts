import { z } from 'zod';
import { isLoopback } from './connection-url';
import { validate, type SettingProblem } from './issues';
import { ConfigError } from './problem';
import type { Environment } from './references';
import { choice, integer, text, unset } from './setting';

const filled = (value: string): boolean => value.trim() !== '';

/** What a service process reads from its environment. Unset and empty are the same. */
export const serviceSchema = z.object({
  PIPELINES_DIR: text('Folder of the pipeline files.', 'a path', filled).default('./pipelines').meta({ description: 'Folder of the pipeline files.' }),
  VAR_DIR: text('Folder of data.', 'a path', filled).default('./var').meta({ description: 'Folder of what the standalone process keeps: the data of embedded databases.' }),
  HTTP_HOST: text('Address.', 'a host name or address', filled).default('127.0.0.1').meta({ description: 'Address the API listens on; any other than loopback needs API_TOKEN.' }),
  HTTP_PORT: integer({ min: 0, max: 65_535, default: 8400, unit: 'port', help: 'Port the API listens on; 0 takes any free one.' }),
  API_TOKEN: unset(z.string(), 'Bearer token that API requests must carry; without it the API listens on loopback only.', 'none'),
  LOG_LEVEL: choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'Log lines below this level are dropped.'),
});

export interface ServiceSettings {
  readonly pipelinesDir: string;
  readonly varDir: string;
  readonly httpHost: string;
  readonly httpPort: number;
  /** Null: no token; then `httpHost` is loopback. */
  readonly apiToken: string | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Throws `ConfigError` with everything that is wrong. */
export function loadServiceSettings(env: Environment): ServiceSettings {
  const given = Object.fromEntries(Object.keys(serviceSchema.shape).flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])));
  const result = validate(serviceSchema, given);
  if (!result.ok) throw refusal(result.problems);
  const { data } = result;
  if (data.API_TOKEN === undefined && !isLoopback(data.HTTP_HOST)) {
    throw refusal([{ path: ['API_TOKEN'], message: `is missing, while HTTP_HOST is ${data.HTTP_HOST}, which others can reach; set API_TOKEN or HTTP_HOST=127.0.0.1` }]);
  }
  return {
    pipelinesDir: data.PIPELINES_DIR,
    varDir: data.VAR_DIR,
    httpHost: data.HTTP_HOST,
    httpPort: data.HTTP_PORT,
    apiToken: data.API_TOKEN ?? null,
    logLevel: data.LOG_LEVEL,
  };
}

function refusal(problems: readonly SettingProblem[]): ConfigError {
  return new ConfigError(problems.map(({ path, message }) => ({ file: 'environment', line: null, setting: path.join('.'), message })));
}
