import { silentLogger } from '@elstream/core';
import { parseMssqlUrl } from './connection';
import { mssqlConfig } from './data-source';
import { keepLoginNumber } from './login-error';

describe('parseMssqlUrl', () => {
  it('reads user, password, host, port and database, percent signs decoded', () => {
    expect(parseMssqlUrl('mssql://el%40stream:p%40ss%2Fword@db.example:1444/test%20DB?encrypt=false&trustServerCertificate=true')).toEqual({
      host: 'db.example',
      port: 1444,
      instance: undefined,
      user: 'el@stream',
      password: 'p@ss/word',
      database: 'test DB',
      encrypt: false,
      trustServerCertificate: true,
    });
  });

  it('encrypts, checks the certificate and asks port 1433 unless told otherwise', () => {
    expect(parseMssqlUrl('sqlserver://sa:x@[::1]/db')).toMatchObject({ host: '::1', port: 1433, encrypt: true, trustServerCertificate: false });
  });

  it('leaves the port of a named instance to the server', () => {
    expect(parseMssqlUrl('mssql://sa:x@h/db?instanceName=SQL1')).toMatchObject({ port: undefined, instance: 'SQL1' });
  });

  it.each([
    ['', 'is no URL'],
    ['postgres://sa:SeCreT@h/db', 'does not begin with mssql://'],
    ['mssql://sa:SeCreT@h', 'names no database'],
    ['mssql:///db', 'names no host'],
    ['mssql://sa:SeCreT@h/db?encrypt=yes', 'has encrypt=yes, where true or false belongs'],
    ['mssql://sa:SeCreT@h/db?Encrypt=true', 'has the parameter Encrypt'],
  ])('refuses %s: %s, without the password', (url, what) => {
    const parse = (): unknown => parseMssqlUrl(url);
    expect(parse).toThrow(what);
    expect(parse).not.toThrow(/SeCreT/);
  });
});

it('sessions and pool together keep to the limit of connections, and every connection aborts what fails', () => {
  const timeouts = { statementMs: 7_000, lockMs: 1, idleMs: 1 };
  const config = mssqlConfig({ url: 'mssql://sa:x@h/db', applicationName: 'elstream x', maxConnections: 8, timeouts, connectTimeoutMs: 5_000, logger: silentLogger, readOnlyIntent: true });
  expect(config).toMatchObject({ pool: { max: 4 }, requestTimeout: 7_000, connectionTimeout: 5_000, beforeConnect: keepLoginNumber, options: { abortTransactionOnError: true, readOnlyIntent: true, appName: 'elstream x' } });
});
