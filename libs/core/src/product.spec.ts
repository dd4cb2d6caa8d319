import { productOfUrl, readMssqlUrl } from './product';

describe('the URL of a SQL Server', () => {
  it('gives user, password, host, port and database, percent signs decoded', () => {
    expect(readMssqlUrl('mssql://el%40stream:p%40ss%2Fword@db.example:1444/test%20DB?encrypt=false&trustServerCertificate=true')).toEqual({
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

  it('encrypts, checks the certificate and leads to port 1433 unless it says otherwise', () => {
    expect(readMssqlUrl('sqlserver://sa:x@[::1]/db')).toMatchObject({ host: '::1', port: 1433, encrypt: true, trustServerCertificate: false });
  });

  it('leaves the port of a named instance to the server', () => {
    expect(readMssqlUrl('mssql://sa:x@h/db?instanceName=SQL1')).toMatchObject({ port: undefined, instance: 'SQL1' });
  });

  it.each([
    ['', 'must be a URL such as mssql://'],
    ['postgres://sa:SeCreT@h/db', 'must be a URL such as mssql://'],
    ['mssql://sa:SeCreT@h\\SQLEXPRESS/db', 'must be a URL such as mssql://'],
    ['mssql://sa:SeCreT@h', 'must name a database'],
    ['mssql://sa:SeCreT@h/', 'must name a database'],
    ['mssql:///db', 'must name a host'],
    ['mssql://h,1433/db', 'must name a host'],
    ['mssql://sa:SeCreT%@h/db', 'has a % that begins no code'],
    ['mssql://sa:12/SeCreT@h/db', 'has a / after the database; in user, password and database write %2F'],
    ['mssql://sa:12#SeCreT@h/db', 'must name a database'],
    ['mssql://sa:x@h/db#SeCreT', 'has a # after the database; in user, password and database write %23'],
    ['mssql://sa:x@h/db/', 'has a / after the database'],
    ['mssql://sa:x@h:0/db', 'has port 0'],
    ['mssql://sa:SeCreT@h/db?encrypt=yes', 'has a parameter encrypt, which must be true or false'],
    ['mssql://sa:SeCreT@h/db?encrypt=', 'has a parameter encrypt, which must be true or false'],
    ['mssql://sa:SeCreT@h/db?encrypt=true&encrypt=false', 'has the parameter encrypt more than once'],
    ['mssql://sa:SeCreT@h/db?Encrypt=true', 'has a parameter Encrypt, which is not known; known are encrypt, trustServerCertificate, instanceName'],
    ['mssql://sa:SeCreT@h/db?instanceName=', 'has a parameter instanceName, which must be the name'],
    ['mssql://sa:SeCreT@h:1433/db?instanceName=X', 'names both a port and an instance'],
    [`mssql://sa:SeCreT@h/${'d'.repeat(129)}`, 'must name a database of 1 to 128 characters'],
  ])('%s: %s, without the password', (url, problem) => {
    const read = readMssqlUrl(url);
    expect(read).toEqual(expect.stringContaining(problem));
    expect(read).not.toContain('SeCreT');
  });
});

it.each([
  ['postgres://u:p@h/d', 'postgres'],
  ['PostgreSQL://h/d', 'postgres'],
  ['MSSQL://h/d', 'mssql'],
  ['sqlserver://h/d', 'mssql'],
  ['mysql://h/d', null],
  ['no URL', null],
])('%s leads to %s', (url, product) => expect(productOfUrl(url)).toBe(product));
