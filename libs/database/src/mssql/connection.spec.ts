import { silentLogger } from '@elstream/core';
import { parseMssqlUrl } from './connection';
import { mssqlConfig, typeormOptions } from './data-source';
import { keepLoginNumber } from './login-error';

it('a URL that is wrong is refused by what is wrong with it, without the password', () => {
  const parse = (): unknown => parseMssqlUrl('mssql://sa:SeCreT@h/db?encrypt=yes');
  expect(parse).toThrow(expect.objectContaining({ code: 'DB_URL', recovery: 'refuse', message: 'the connection URL has a parameter encrypt, which must be true or false' }));
  expect(parse).not.toThrow(/SeCreT/);
  expect(parseMssqlUrl('mssql://sa:x@h/db')).toMatchObject({ host: 'h', port: 1433, database: 'db' });
});

it('sessions and pool together keep to the limit of connections, and every connection aborts what fails', () => {
  const timeouts = { statementMs: 7_000, lockMs: 1, idleMs: 1 };
  const config = mssqlConfig({ url: 'mssql://sa:x@h/db', applicationName: 'elstream x', maxConnections: 8, timeouts, connectTimeoutMs: 5_000, logger: silentLogger, readOnlyIntent: true });
  expect(config).toMatchObject({ pool: { max: 4 }, requestTimeout: 7_000, connectionTimeout: 5_000, beforeConnect: keepLoginNumber, options: { abortTransactionOnError: true, readOnlyIntent: true, appName: 'elstream x' } });
});

it('a database with a dot in its name stays one name for TypeORM, and the driver connects to it as it is', () => {
  const timeouts = { statementMs: 1, lockMs: 1, idleMs: 1 };
  const config = mssqlConfig({ url: 'mssql://sa:x@h/Sales.DWH', applicationName: 'a', maxConnections: 2, timeouts, connectTimeoutMs: 1, logger: silentLogger });
  const options = typeormOptions(config, () => undefined);
  expect(options).toMatchObject({ host: 'h', username: 'sa', extra: { database: 'Sales.DWH', options: { useUTC: true }, pool: config.pool, beforeConnect: keepLoginNumber } });
  expect(options['database']).not.toContain('.');
});
