import { connectorEndpoint } from './connector-endpoint';

const session = { user: 'me', database: 'mine' };
const at = { host: 'db.internal', port: 6432 };

describe('the source as a connector is told', () => {
  it.each<[string, Record<string, string>]>([
    ['postgres://u:p@h/d', {}],
    ['postgres://u:p@h/d?sslmode=verify-ca&sslrootcert=/etc/ca.pem', { 'database.sslmode': 'verify-ca', 'database.sslrootcert': '/etc/ca.pem' }],
    ['postgres://u:p@h/d?sslmode=verify-full&sslrootcert=system&sslcert=c&sslkey=k', { 'database.sslmode': 'verify-full', 'database.sslcert': 'c', 'database.sslkey': 'k' }],
    ['postgres://u:p@h/d?sslmode=no-verify', { 'database.sslmode': 'require' }],
    ['postgres://u:p@h/d?ssl=true', { 'database.sslmode': 'require' }],
    ['postgres://u:p@h/d?sslmode=disable', { 'database.sslmode': 'disable' }],
  ])('%s becomes %j', (url, settings) => {
    expect(connectorEndpoint(url, at, session)).toEqual({ connector: 'postgresql', host: 'db.internal', port: 6432, user: 'u', password: 'p', database: 'd', settings });
  });

  it('decodes what is escaped, takes parameters, and falls back on what the session says', () => {
    expect(connectorEndpoint('postgres://a%40b:p%2Fw%3A@h/d%C3%BC', at, session)).toMatchObject({ user: 'a@b', password: 'p/w:', database: 'dü' });
    expect(connectorEndpoint('postgres:///?host=h&user=x&password=y', at, session)).toMatchObject({ user: 'x', password: 'y', database: 'mine' });
    expect(connectorEndpoint('postgres://h', at, session)).toMatchObject({ user: 'me', password: '', database: 'mine' });
  });

  it('puts an address of IPv6 in brackets', () => {
    expect(connectorEndpoint('postgres://h', { host: '::1', port: 1 }, session).host).toBe('[::1]');
    expect(connectorEndpoint('postgres://h', { host: '[::1]', port: 1 }, session).host).toBe('[::1]');
  });

  it('refuses an sslmode that nobody knows', () => {
    expect(() => connectorEndpoint('postgres://h/d?sslmode=on', at, session)).toThrow(expect.objectContaining({ code: 'SOURCE_SSLMODE', recovery: 'refuse' }) as Error);
  });
});
