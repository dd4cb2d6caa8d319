import { DEFAULT_TIMEOUTS } from '@elstream/database';

/**
 * A statement, or a batch of them, that waits for a lock no longer than this. SQL Server has no setting of a login or a
 * connection for it and waits without end by itself; the option ends with the sp_executesql that carries the statement,
 * so it goes in front of each.
 */
export const LOCK_TIMEOUT = `SET LOCK_TIMEOUT ${String(DEFAULT_TIMEOUTS.lockMs)};`;

/**
 * In front of statements whose affected rows decide something. A server may be configured to count none by default
 * (`user options`), and then every conditional UPDATE would pass for one that found its row.
 */
export const COUNTING = `SET NOCOUNT OFF; ${LOCK_TIMEOUT}`;
