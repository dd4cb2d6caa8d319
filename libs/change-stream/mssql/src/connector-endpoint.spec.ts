import { connectorEndpoint } from './connector-endpoint';

const AT = { host: 'sqlserver', port: 1433 };

describe('the source as the connector has to be told', () => {
  it.each([
    ['', { 'driver.encrypt': 'true', 'driver.trustServerCertificate': 'false' }],
    ['?encrypt=true&trustServerCertificate=true', { 'driver.encrypt': 'true', 'driver.trustServerCertificate': 'true' }],
    ['?encrypt=false', { 'driver.encrypt': 'false' }],
  ])('takes TLS from the URL: %p', (query, settings) => {
    expect(connectorEndpoint(`mssql://el%40stream:p%40ss%2Fw@primary:1444/testdb${query}`, AT, 'testDB')).toEqual({
      connector: 'sqlserver',
      host: 'sqlserver',
      port: 1433,
      user: 'el@stream',
      password: 'p@ss/w',
      database: 'testDB',
      settings,
    });
  });
});
