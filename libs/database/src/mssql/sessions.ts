import type { config as MssqlConfig, ConnectionPool } from 'mssql';
import { Pool } from 'tarn';
import { driver } from './driver';
import { classifyMssqlError } from './errors';
import { PoolGate, type TSqlSession } from './gate';

/** What a caller waits for a session at most: the time of those before it. */
const WAIT_MS = 600_000;
/** Idle sessions are closed after this: their temporary tables hold room in tempdb. */
const IDLE_MS = 60_000;

/**
 * Connections held exclusively, for temporary tables. Each is a driver's pool of one, so that bulk load, batches and
 * statements share it by the driver's public means. One whose use failed is closed: nothing is known of its state.
 */
export class Sessions {
  private readonly pool: Pool<ConnectionPool>;

  constructor(config: MssqlConfig, max: number, onError: (error: unknown) => void) {
    this.pool = new Pool<ConnectionPool>({
      create: async () => {
        // Its one connection is never taken down while it idles: temporary tables would go between two statements. Nor is it
        // asked before each statement whether it lives (`SELECT 1`): one that does not fails the session either way.
        const one = new (driver().ConnectionPool)({ ...config, validateConnection: 'socket', pool: { min: 0, max: 1, idleTimeoutMillis: 2 ** 31 - 1 } });
        one.on('error', onError);
        return one.connect();
      },
      destroy: async (one) => {
        // A connection that is broken cannot be closed properly either.
        await one.close().catch(onError);
      },
      validate: (one) => one.connected,
      min: 0,
      max,
      acquireTimeoutMillis: WAIT_MS,
      idleTimeoutMillis: IDLE_MS,
      propagateCreateError: true,
    });
  }

  async use<T>(fn: (session: TSqlSession) => Promise<T>): Promise<T> {
    const one = await this.acquire();
    let whole = false;
    try {
      const result = await fn(new PoolGate(one));
      whole = true;
      return result;
    } finally {
      if (!whole) await one.close().catch(() => undefined);
      this.pool.release(one);
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async acquire(): Promise<ConnectionPool> {
    try {
      return await this.pool.acquire().promise;
    } catch (error) {
      throw classifyMssqlError(error);
    }
  }
}
