import { productOfUrl } from '@elstream/core';
import { stringify } from 'yaml';
import { databaseOf, endpointOf, serverOf, urlProblem } from './connection-url';
import { checkPipelineText, loadPipelineText } from './index';

const kafka = { type: 'kafka', brokers: ['k:9092'], connect: { url: 'http://connect:8083' } };
const base = {
  name: 'shop',
  source: { url: 'mssql://reader@src/shop' },
  warehouse: { url: 'postgres://app@wh/dwh' },
  tables: { include: ['dbo.*'] },
  stream: kafka,
};
const problemsWith = (part: object): string[] => checkPipelineText(stringify({ ...base, ...part }), 'p.yaml', {}).problems.map((p) => `${p.setting} ${p.message}`);

describe('a connection URL', () => {
  it.each([
    ['postgres://u:p@h/d', 'postgres'],
    ['postgresql://h/d', 'postgres'],
    ['mssql://u:p%40ss@h:1433/d?encrypt=true&trustServerCertificate=false', 'mssql'],
    ['sqlserver://h/d?instanceName=SQLEXPRESS', 'mssql'],
    ['mssql://u@[::1]/d', 'mssql'],
  ])('%s leads to %s', (url, product) => expect([urlProblem(url), productOfUrl(url)]).toEqual([null, product]));

  it.each([
    ['no URL', 'reader@src/shop', 'must be a URL such as'],
    ['another product', 'mysql://h/d', 'must be a URL such as'],
    ['no database', 'mssql://h:1433', 'must be a URL such as'],
    ['an instance as Windows writes it', 'mssql://h\\SQLEXPRESS/d', 'must be a URL such as'],
    ['no host', 'mssql:///d', 'must name a host'],
    ['a port as Windows writes it', 'mssql://h,1433/d', 'must name a host'],
    ['a percent sign as it is', 'mssql://u:100%@h/d', 'has a % that begins no code'],
    ['an unknown parameter', 'mssql://h/d?Encrypt=true', 'has a parameter Encrypt, which is not known; known are encrypt, trustServerCertificate, instanceName'],
    ['another value of encrypt', 'mssql://h/d?encrypt=strict', 'has a parameter encrypt, which must be true or false'],
    ['an empty instance', 'mssql://h/d?instanceName=', 'has a parameter instanceName, which must be the name'],
    ['port and instance', 'mssql://h:1433/d?instanceName=X', 'names both a port and an instance'],
    ['a slash of the password', 'mssql://u:12/34@h/d', 'has a / after the database; in user, password and database write %2F'],
    ['a parameter twice', 'mssql://h/d?encrypt=true&encrypt=false', 'has the parameter encrypt more than once'],
  ])('with %s is refused', (_what, url, problem) => expect(urlProblem(url)).toContain(problem));

  it.each([
    ['mssql://u@h/d', { host: 'h', port: 1433, instance: null }],
    ['mssql://u@h:14330/d', { host: 'h', port: 14330, instance: null }],
    ['mssql://u@[fe80::1]/d', { host: 'fe80::1', port: 1433, instance: null }],
    ['mssql://u@h/d?instanceName=X', { host: 'h', port: 0, instance: 'X' }],
    ['postgres://u@h/d?instanceName=X', { host: 'h', port: 5432, instance: null }],
  ])('%s tells where it leads', (url, endpoint) => expect(endpointOf(url)).toEqual(endpoint));

  it.each([
    ['mssql://a@HOST/Shop', 'mssql://b:pw@host:1433/shop?encrypt=false', true],
    ['mssql://a@127.0.0.1/shop', 'sqlserver://localhost/shop', true],
    ['mssql://h/shop?instanceName=X', 'mssql://h/shop?instanceName=x', true],
    ['mssql://h/shop?instanceName=X', 'mssql://h/shop', false],
    ['mssql://h/shop', 'mssql://h/other', false],
    ['mssql://h/sh%6Fp', 'mssql://h/SHOP%20', true],
    ['postgres://h/Shop', 'postgres://h/shop', false],
    ['postgres://h/shop', 'mssql://h/shop', false],
  ])('%s and %s are one database: %s', (a, b, same) => expect(databaseOf(a) === databaseOf(b)).toBe(same));

  it('names the server of a named instance', () => expect(serverOf('mssql://H/d?instanceName=X')).toBe('h\\x'));
});

describe('a pipeline of SQL Server', () => {
  it('tells the products from the URLs', () => {
    const { config } = loadPipelineText(stringify(base), {});
    expect(config).toMatchObject({ source: { type: 'mssql', walLimitBytes: 0 }, warehouse: { type: 'postgres' }, stream: { source: { host: 'src', port: 1433 } } });
    expect(loadPipelineText(stringify({ ...base, source: { url: 'postgres://src/shop' }, warehouse: { url: 'mssql://wh/dwh', type: 'mssql' }, stream: {} }), {}).config).toMatchObject({ source: { type: 'postgres' }, warehouse: { type: 'mssql' } });
  });

  it('may read from a secondary, also through the listener that leads there', () => {
    expect(problemsWith({ source: { ...base.source, readUrl: 'mssql://reader@replica/shop' } })).toEqual([]);
    expect(problemsWith({ source: { ...base.source, readUrl: 'mssql://reader@src/shop' } })).toEqual([]);
  });

  it('takes names of SQL Server in the source, up to 128 characters', () => {
    expect(problemsWith({ tables: { include: ['dbo.*'], settings: [{ match: 'dbo.t', key: ['x'.repeat(128)], columns: { exclude: ['y'.repeat(100)] } }] } })).toEqual([]);
  });

  const settings = (setting: object): object => ({ tables: { include: ['dbo.*'], settings: [{ match: 'dbo.t', ...setting }] } });
  const toMssql = { warehouse: { url: 'mssql://wh/dwh' } };
  it.each([
    ['a stream that is not Kafka', { stream: {} }, 'stream.type must be kafka while the source is SQL Server'],
    ['another product than the URL', { source: { ...base.source, type: 'postgres' } }, 'source.type is postgres, while source.url leads to SQL Server; remove it'],
    ['a product that is none', { source: { ...base.source, type: 'mysql' } }, "source.type must be 'postgres' or 'mssql'"],
    ['a standby of another product', { source: { ...base.source, readUrl: 'postgres://replica/shop' } }, 'source.readUrl leads to PostgreSQL, while the source is SQL Server'],
    ['a limit of WAL', { source: { ...base.source, walLimitBytes: '1GiB' } }, 'source.walLimitBytes is of PostgreSQL and without effect while the source is SQL Server, which keeps changes for the retention of its CDC'],
    ['a policy of WAL', { source: { ...base.source, walLimitPolicy: 'drop' } }, 'source.walLimitPolicy is of PostgreSQL'],
    ['a slot', { stream: { ...kafka, slotName: 's' } }, 'stream.slotName is of PostgreSQL'],
    ['a publication', { stream: { ...kafka, publicationName: 's' } }, 'stream.publicationName is of PostgreSQL'],
    ['a named instance whose port Connect is not told', { source: { url: 'mssql://src/shop?instanceName=X' } }, 'stream.source.port is missing, while source.url names the instance X'],
    ['a parameter of the URL misspelt', { source: { url: 'mssql://src/shop?encript=true' } }, 'source.url has a parameter encript'],
    ['a target name longer than PostgreSQL takes', settings({ target: { name: 'x'.repeat(64) } }), 'target.name must be a name of 1 to 63 bytes, the most that PostgreSQL takes'],
    ['a source name longer than any', settings({ key: ['x'.repeat(129)] }), 'key[0] must be a name of 1 to 128 characters'],
    ['a type of the other product', settings({ columns: { type: { a: 'datetime2(7)' } } }), 'columns.type.a is a type of SQL Server, while the warehouse is PostgreSQL; write timestamp(6)'],
    ['a type of PostgreSQL on SQL Server', { ...toMssql, ...settings({ columns: { type: { a: 'bytea' } } }) }, 'columns.type.a is no type of a column in a SQL Server warehouse; write varbinary(max)'],
    ['a hash in a type too short', { ...toMssql, ...settings({ columns: { mask: { a: { hash: '0123456789abcdef' } }, type: { a: 'nvarchar(20)' } } }) }, 'columns.type.a must be nvarchar(64) (or absent)'],
    ['a key of the connector that the URL gives', { stream: { ...kafka, connector: { 'driver.encrypt': false } } }, 'stream.connector["driver.encrypt"] is what source.url says'],
    ['source and warehouse in one database', { warehouse: { url: 'mssql://SRC:1433/Shop' } }, 'warehouse.schema is missing, while source and warehouse are the same database'],
  ])('with %s is refused by name', (_what, part, message) => expect(problemsWith(part).join('\n')).toContain(message));

  it('with a named instance tells Connect its port', () => {
    expect(problemsWith({ source: { url: 'mssql://src/shop?instanceName=X' }, stream: { ...kafka, source: { port: 50_000 } } })).toEqual([]);
  });

  it('may name a replica for the connector and a topic for the schema history', () => {
    expect(problemsWith({ stream: { ...kafka, readReplica: true, schemaHistoryTopic: 'h' } })).toEqual([]);
  });

  it('with a password in clear is accepted with a warning that does not repeat it', () => {
    const { warnings } = loadPipelineText(stringify({ ...base, source: { url: 'mssql://u:hunter2@src/shop' } }), {});
    expect(warnings.map((w) => w.setting)).toEqual(['source.url']);
    expect(JSON.stringify(warnings)).not.toContain('hunter2');
  });

  it('never repeats a URL that is wrong', () => expect(problemsWith({ source: { url: 'mssql://u:hunter2@src/shop?password=hunter2' } }).join()).not.toContain('hunter2'));
});
