import { silentLogger, type Logger } from '@elstream/core';
import { DEFAULT_TIMEOUTS, type PostgresConnection } from '@elstream/database';

interface CatalogOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
}

/** How the source is connected for its catalog, slots and publications; not for the log itself. */
export function catalogConnection({ url, applicationName, connectTimeoutMs = 10_000, logger = silentLogger }: CatalogOptions, maxConnections: number): PostgresConnection {
  return { url, applicationName, maxConnections, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs, logger };
}
