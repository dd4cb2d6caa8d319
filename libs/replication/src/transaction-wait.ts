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
