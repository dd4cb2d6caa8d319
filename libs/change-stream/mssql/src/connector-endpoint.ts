import { type CaptureEndpoint } from '@elstream/change-stream';
import { parseMssqlUrl } from '@elstream/database';

/**
 * The source as a SQL Server connector has to be told. The driver there checks certificates by its own store: a server whose
 * certificate it does not know needs `trustServerCertificate=true` in the URL, or `driver.trustStore` among the connector's settings.
 *
 * @param database as the server spells it: it is part of the topics' names
 */
export function connectorEndpoint(url: string, { host, port }: { readonly host: string; readonly port: number }, database: string): CaptureEndpoint {
  const { user, password, encrypt, trustServerCertificate } = parseMssqlUrl(url);
  const settings: Record<string, string> = { 'driver.encrypt': String(encrypt) };
  if (encrypt) settings['driver.trustServerCertificate'] = String(trustServerCertificate);
  return { connector: 'sqlserver', host, port, user, password, database, settings };
}
