import { ElstreamError, sleep, type Clock, type Logger } from '@elstream/core';
import type { SourceDatabase, TransactionInProgress } from '@elstream/source';

export interface TransactionWait {
  readonly source: SourceDatabase;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Bound, milliseconds. */
  readonly waitMs: number;
  /** Called at every look. */
  readonly moved?: () => void;
  /** Called once the list has been taken. */
  readonly listed?: () => Promise<void>;
}

const POLL = { minMs: 100, maxMs: 1_000 };
const WARN_EVERY_MS = 10_000;
/** How long the replica is asked in one go, so that who waits is seen to move. */
const REPLICA_LOOK_MS = 5_000;

/**
 * R4 (2): lists the source's writing or prepared transactions and waits until all of them have ended. It precedes every
 * source read that is combined with stream state. The listed ones only: later ones commit above the position noted
 * before, so the stream brings them.
 *
 * @throws ElstreamError `TRANSACTIONS_IN_PROGRESS` (retry) naming the sessions when the bound is reached
 */
export async function awaitTransactions(wait: TransactionWait): Promise<void> {
  const { source, clock, signal } = wait;
  const began = clock();
  let warnedAt = began;
  let open = await source.transactionsInProgress();
  await wait.listed?.();
  for (let pollMs = POLL.minMs; open.length > 0; pollMs = Math.min(POLL.maxMs, pollMs * 2)) {
    wait.moved?.();
    const waitedMs = clock() - began;
    if (waitedMs >= wait.waitMs) throw stillOpen(open, waitedMs);
    if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while waiting for transactions of the source to end');
    if (clock() - warnedAt >= WARN_EVERY_MS) {
      warnedAt = clock();
      wait.logger.warn({ ms: waitedMs, transactions: open.length, holder: holders(open) }, 'waiting for transactions of the source to end');
    }
    await sleep(Math.min(pollMs, Math.max(1, wait.waitMs - waitedMs)), signal);
    open = await source.stillInProgress(open);
  }
}

/**
 * What precedes every source read that is combined with stream state: R4 (2), and with a read replica that it has applied
 * what the log held then. So a read sees every transaction that committed before this was called, and the listed ones.
 *
 * @throws ElstreamError as `awaitTransactions`; `REPLICA_BEHIND` (retry) when the replica has not caught up within the bound
 */
export async function awaitReadable(wait: TransactionWait): Promise<void> {
  await awaitTransactions(wait);
  const { source, clock, signal, waitMs } = wait;
  // Read after the transactions have ended: their commits lie below it.
  const position = await source.endOfLog();
  const began = clock();
  for (;;) {
    wait.moved?.();
    const leftMs = waitMs - (clock() - began);
    if (await source.replicaHasApplied(position, { waitMs: Math.max(1, Math.min(REPLICA_LOOK_MS, leftMs)), signal })) return;
    if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while waiting for the read replica of the source');
    if (leftMs <= REPLICA_LOOK_MS) {
      throw new ElstreamError('REPLICA_BEHIND', 'retry', `the read replica of the source has not applied ${position.hex} within ${String(Math.round(waitMs / 1000))} s; check its replication, the work goes on by itself`);
    }
  }
}

function stillOpen(open: readonly TransactionInProgress[], ms: number): ElstreamError {
  return new ElstreamError(
    'TRANSACTIONS_IN_PROGRESS',
    'retry',
    `${String(open.length)} transaction(s) of the source are still open after ${String(Math.round(ms / 1000))} s: ${holders(open)}; commit or roll them back, the work goes on by itself`,
  );
}

function holders(open: readonly TransactionInProgress[]): string {
  return open.slice(0, 5).map((t) => t.holder).join('; ') + (open.length > 5 ? `; and ${String(open.length - 5)} more` : '');
}
