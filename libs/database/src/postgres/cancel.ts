import { Client, type ClientConfig, type PoolClient } from 'pg';
import type { DataSource } from 'typeorm';

/** How long asking the server to cancel may take: it is asked while stopping (R12). */
const CANCEL_TIMEOUT_MS = 3_000;

/**
 * Ends the statement under way on `client` when `signal` aborts: here by closing the connection, and at the server by
 * cancelling it. A server at work on a checksum sends nothing, so it would not notice the closed connection before it is
 * done (R14). The connection is never used again: a cancel that comes late would hit its next statement.
 * @returns to be called, and awaited, once the statement is over
 */
export function cancelOnAbort(dataSource: DataSource, client: PoolClient, signal: AbortSignal | undefined): () => Promise<void> {
  let cancelled: Promise<void> | null = null;
  const onAbort = (): void => {
    cancelled = cancelBackend(dataSource, processOf(client));
    // with a statement under way the driver closes the socket at once; a failure means that it is closed
    client.end().catch(() => undefined);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return async () => {
    signal?.removeEventListener('abort', onAbort);
    await cancelled;
  };
}

/** The driver knows it from the start of the session; its types do not. */
function processOf(client: PoolClient): number | null {
  return (client as PoolClient & { readonly processID?: number | null }).processID ?? null;
}

/** On a connection of its own: those of the pool may all be at work. */
async function cancelBackend(dataSource: DataSource, pid: number | null): Promise<void> {
  if (pid === null) return;
  const config: ClientConfig = { ...(dataSource.options as { readonly extra?: ClientConfig }).extra, connectionTimeoutMillis: CANCEL_TIMEOUT_MS };
  const client = new Client(config);
  client.on('error', () => undefined); // the awaited call reports it
  try {
    await client.connect();
    // The number may belong to another session by now: one of ours at most.
    await client.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND usename = current_user AND application_name = current_setting('application_name')`, [pid]);
  } catch {
    // The statement then ends by its timeout, or when its server has something to send.
  } finally {
    await client.end().catch(() => undefined);
  }
}
