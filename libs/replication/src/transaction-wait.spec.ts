import { LogPosition, silentLogger } from '@elstream/core';
import type { SourceDatabase, TransactionInProgress } from '@elstream/source';
import { awaitReadable, awaitTransactions } from './transaction-wait';

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

describe('the wait before a read', () => {
  /** A source with a replica that has caught up at the look of this number. */
  function replica(catchesUpAt: number): { source: SourceDatabase; asked: string[] } {
    const asked: string[] = [];
    const source = {
      transactionsInProgress: async () => (asked.push('transactions'), []),
      endOfLog: async () => (asked.push('end'), LogPosition.fromBigInt(7n, 8)),
      replicaHasApplied: async (position: LogPosition) => asked.push(position.hex) > catchesUpAt + 1,
    } as unknown as SourceDatabase;
    return { source, asked };
  }
  const signal = new AbortController().signal;

  it('asks the replica for what the log held once the transactions had ended', async () => {
    const { source, asked } = replica(1);
    await awaitReadable({ source, logger: silentLogger, clock: () => 0, signal, waitMs: 1_000 });
    expect(asked).toEqual(['transactions', 'end', '0000000000000007']);
  });

  it('goes on while the replica catches up, and shows that it moves', async () => {
    const { source, asked } = replica(3);
    let [now, moves] = [0, 0];
    await awaitReadable({ source, logger: silentLogger, clock: () => (now += 5_000), signal, waitMs: 60_000, moved: () => (moves += 1) });
    expect([asked.length, moves]).toEqual([5, 3]);
  });

  it('reaches its bound with an error to be tried again', async () => {
    const { source } = replica(1_000);
    let now = 0;
    await expect(awaitReadable({ source, logger: silentLogger, clock: () => (now += 5_000), signal, waitMs: 20_000 })).rejects.toMatchObject({ code: 'REPLICA_BEHIND', recovery: 'retry' });
  });

  it('gives up at once when stopped', async () => {
    const { source } = replica(1_000);
    await expect(awaitReadable({ source, logger: silentLogger, clock: () => 0, signal: AbortSignal.abort(), waitMs: 20_000 })).rejects.toMatchObject({ code: 'STOPPING' });
  });
});
