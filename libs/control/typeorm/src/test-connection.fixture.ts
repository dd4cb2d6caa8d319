import { silentLogger } from '@elstream/core';
import { DEFAULT_TIMEOUTS, type PostgresConnection } from '@elstream/database';
import type { TestDatabase } from '@elstream/testing';

/** How a store of a test connects; few connections, so that concurrency in tests also waits for the pool. */
export function connectionTo(db: Pick<TestDatabase, 'url'>, applicationName = 'control-test'): PostgresConnection {
  return { url: db.url, applicationName, maxConnections: 6, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 10_000, logger: silentLogger };
}
