import { environmentOf, loadServiceSettings, SERVICES, type ServiceName } from './index';

const REDIS = { REDIS_URL: 'redis://localhost:6379/0' };
const SHARING = ['gateway', 'preloader', 'streamer', 'validator'] as const;

describe('service settings', () => {
  it('have defaults that listen on loopback only', () => {
    expect(loadServiceSettings({}, 'standalone')).toEqual({
      pipelinesDir: './pipelines',
      varDir: './var',
      httpHost: '127.0.0.1',
      httpPort: 8400,
      apiToken: null,
      logLevel: 'info',
      leaseMs: 15_000,
      reloadMs: 5_000,
      redis: null,
    });
  });

  it('come from the environment, where empty means unset and other variables do not matter', () => {
    const env = { PIPELINES_DIR: '/p', VAR_DIR: '', HTTP_HOST: '0.0.0.0', HTTP_PORT: '0', API_TOKEN: 't', LOG_LEVEL: 'debug', LEASE_DURATION: '2500ms', RELOAD_INTERVAL: '0', PATH: '/bin', REDIS_URL: 'nonsense' };
    expect(loadServiceSettings(env, 'standalone')).toEqual({
      pipelinesDir: '/p',
      varDir: './var',
      httpHost: '0.0.0.0',
      httpPort: 0,
      apiToken: 't',
      logLevel: 'debug',
      leaseMs: 2_500,
      reloadMs: 0,
      redis: null,
    });
  });

  it.each([['gateway', 8400], ['preloader', 8401], ['streamer', 8402], ['validator', 8403]] as const)('%s listens on %d by default', (service, port) => {
    expect(loadServiceSettings(REDIS, service).httpPort).toBe(port);
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs no token', (host) => expect(loadServiceSettings({ HTTP_HOST: host }, 'standalone').apiToken).toBeNull());

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org', 'localhost.example.org'])('%s without a token is refused where an API is served', (host) => {
    for (const service of ['gateway', 'standalone'] as const) {
      expect(() => loadServiceSettings({ ...REDIS, HTTP_HOST: host }, service)).toThrow(`environment: API_TOKEN is missing, while HTTP_HOST is ${host}`);
      expect(loadServiceSettings({ ...REDIS, HTTP_HOST: host, API_TOKEN: 'x' }, service).httpHost).toBe(host);
    }
    for (const service of ['preloader', 'streamer', 'validator'] as const) expect(loadServiceSettings({ ...REDIS, HTTP_HOST: host }, service).apiToken).toBeNull();
  });

  it('are refused all at once, by name', () => {
    expect(() => loadServiceSettings({ HTTP_PORT: '99999', LOG_LEVEL: 'loud', LEASE_DURATION: '1ms' }, 'gateway')).toThrow(
      /LOG_LEVEL must be 'debug' or[^]*LEASE_DURATION must be a number of milliseconds[^]*HTTP_PORT must be a whole number, from 0 to 65535[^]*REDIS_URL is missing/,
    );
  });
});

describe('the environment of a service', () => {
  const of = (service: ServiceName): ReadonlySet<string> => new Set(environmentOf(service));

  it('holds Redis for the services that share work, and for no other', () => {
    for (const service of SERVICES) expect(of(service).has('REDIS_URL')).toBe((SHARING as readonly string[]).includes(service));
  });

  it('holds the token only where an API is served', () => {
    expect(SERVICES.filter((service) => of(service).has('API_TOKEN'))).toEqual(['gateway', 'standalone']);
  });

  it('of the migration is its files and its log alone', () => expect(environmentOf('migrate')).toEqual(['PIPELINES_DIR', 'LOG_LEVEL']));
});

describe('Redis', () => {
  it.each(SHARING)('must be named for the %s; the error tells the way without', (service) => {
    expect(() => loadServiceSettings({}, service)).toThrow(/REDIS_URL is missing.*npm start/);
  });

  it('is one server by default, keys prefixed elstream', () => {
    expect(loadServiceSettings(REDIS, 'preloader').redis).toEqual({ url: 'redis://localhost:6379/0', sentinel: null, tlsCaFile: null, prefix: 'elstream' });
  });

  it('may be a master known to Sentinels, over TLS', () => {
    const env = { REDIS_URL: 'rediss://u:p@any', REDIS_SENTINELS: 'a:26379, [::1]:26380', REDIS_SENTINEL_MASTER: 'main', REDIS_SENTINEL_PASSWORD: 's', REDIS_TLS_CA_FILE: '/ca.pem', REDIS_PREFIX: 'shop.1' };
    const nodes = [{ host: 'a', port: 26_379 }, { host: '::1', port: 26_380 }];
    expect(loadServiceSettings(env, 'streamer').redis).toEqual({ url: 'rediss://u:p@any', sentinel: { nodes, master: 'main', password: 's' }, tlsCaFile: '/ca.pem', prefix: 'shop.1' });
  });

  it.each([
    [{ REDIS_URL: 'http://x' }, /REDIS_URL must be a URL such as redis:/],
    [{ REDIS_URL: 'redis://x/db' }, /REDIS_URL must be/],
    [{ REDIS_SENTINELS: 'a' }, /REDIS_SENTINELS must be a list/],
    [{ REDIS_SENTINELS: 'a:1,b:99999' }, /REDIS_SENTINELS must be a list/],
    [{ REDIS_SENTINELS: 'a:1' }, /REDIS_SENTINEL_MASTER is missing/],
    [{ REDIS_SENTINEL_MASTER: 'm' }, /REDIS_SENTINEL_MASTER has no effect without REDIS_SENTINELS/],
    [{ REDIS_SENTINEL_PASSWORD: 'm' }, /REDIS_SENTINEL_PASSWORD has no effect/],
    [{ REDIS_TLS_CA_FILE: '/x' }, /REDIS_TLS_CA_FILE has no effect.*rediss:/],
    [{ REDIS_PREFIX: 'a:b' }, /REDIS_PREFIX must be/],
  ])('%j is refused by name, and no password is shown', (env, message) => {
    const load = () => loadServiceSettings({ REDIS_URL: 'redis://:hidden@x', ...env }, 'validator');
    expect(load).toThrow(message);
    expect(load).not.toThrow(/hidden/);
  });
});
