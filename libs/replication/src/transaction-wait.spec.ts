import { silentLogger } from '@elstream/core';
import type { SourceDatabase, TransactionInProgress } from '@elstream/source';
import { awaitTransactions } from './transaction-wait';

const transaction = (id: string): TransactionInProgress => ({ id, holder: `session ${id}` });

/** A source whose listed transactions end one by one at every look. */
function sourceWith(open: readonly string[], endsPerLook: number): { source: SourceDatabase; looks: () => number } {
  let left = open.map(transaction);
  let looks = 0;
  const source = {
    transactionsInProgress: async () => left,
    stillInProgress: async (listed: readonly TransactionInProgress[]) => {
      looks += 1;
      left = left.slice(endsPerLook);
      return listed.filter((t) => left.some((l) => l.id === t.id));
    },
  } as unknown as SourceDatabase;
  return { source, looks: () => looks };
}

describe('the wait for transactions in progress', () => {
  it('ends at once where none is listed', async () => {
    const { source, looks } = sourceWith([], 1);
    await awaitTransactions({ source, logger: silentLogger, clock: Date.now, signal: new AbortController().signal, waitMs: 1_000 });
    expect(looks()).toBe(0);
  });

  it('ends when the last listed one has ended', async () => {
    const { source, looks } = sourceWith(['a', 'b'], 1);
    await awaitTransactions({ source, logger: silentLogger, clock: Date.now, signal: new AbortController().signal, waitMs: 10_000 });
    expect(looks()).toBe(2);
  });

  it('reaches its bound with an error to be tried again that names who holds it up', async () => {
    const { source } = sourceWith(['a'], 0);
    let now = 0;
    const clock = (): number => (now += 600);
    await expect(awaitTransactions({ source, logger: silentLogger, clock, signal: new AbortController().signal, waitMs: 1_000 })).rejects.toMatchObject({
      code: 'TRANSACTIONS_IN_PROGRESS',
      recovery: 'retry',
      message: expect.stringContaining('session a'),
    });
  });

  it('gives up at once when stopped', async () => {
    const { source } = sourceWith(['a'], 0);
    const stop = new AbortController();
    const waiting = awaitTransactions({ source, logger: silentLogger, clock: Date.now, signal: stop.signal, waitMs: 60_000 });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'STOPPING' });
  });
});
