import { loadServiceSettings } from './index';

describe('service settings', () => {
  it('have defaults that listen on loopback only', () => {
    expect(loadServiceSettings({})).toEqual({ pipelinesDir: './pipelines', varDir: './var', httpHost: '127.0.0.1', httpPort: 8400, apiToken: null, logLevel: 'info' });
  });

  it('come from the environment, where empty means unset and other variables do not matter', () => {
    const env = { PIPELINES_DIR: '/p', VAR_DIR: '', HTTP_HOST: '0.0.0.0', HTTP_PORT: '0', API_TOKEN: 't', LOG_LEVEL: 'debug', PATH: '/bin' };
    expect(loadServiceSettings(env)).toEqual({ pipelinesDir: '/p', varDir: './var', httpHost: '0.0.0.0', httpPort: 0, apiToken: 't', logLevel: 'debug' });
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs no token', (host) => expect(loadServiceSettings({ HTTP_HOST: host }).apiToken).toBeNull());

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org', 'localhost.example.org'])('%s without a token is refused', (host) => {
    expect(() => loadServiceSettings({ HTTP_HOST: host })).toThrow(`environment: API_TOKEN is missing, while HTTP_HOST is ${host}`);
    expect(loadServiceSettings({ HTTP_HOST: host, API_TOKEN: 'x' }).httpHost).toBe(host);
  });

  it('are refused all at once, by name', () => {
    expect(() => loadServiceSettings({ HTTP_PORT: '99999', LOG_LEVEL: 'loud' })).toThrow(/HTTP_PORT must be a whole number, from 0 to 65535[^]*LOG_LEVEL must be 'debug' or/);
  });
});
