import { ElstreamError } from '@elstream/core';
import { END_TRANSACTION, type Mssql, type TSqlSession } from '@elstream/database';
import { COUNTER_TABLE, dropCounter, raiseCounter, recordCapture, type Counter } from './counter-table';

const counter: Counter = { table: COUNTER_TABLE, pipeline: 'p' };
const record = { identity: { system: 's', fork: 'f' }, tables: new Map() };
const unbound = new ElstreamError('DB_208', 'stop', 'Invalid object name');

const writes: readonly (readonly [string, (sql: Mssql | TSqlSession) => Promise<void>])[] = [
  ['raising', (sql) => raiseCounter(sql, counter, 1_000)],
  ['noting what captures', (sql) => recordCapture(sql, counter, record, { anew: true, lockMs: 1_000 })],
];

function sessionOf(said: Record<string, unknown>[][] | Error): { readonly session: TSqlSession; readonly asked: string[] } {
  const asked: string[] = [];
  const answer = (to: Record<string, unknown>[][] | Error) => (sql: string): Promise<Record<string, unknown>[][]> => {
    asked.push(sql);
    return to instanceof Error ? Promise.reject(to) : Promise.resolve(to);
  };
  return { session: { sets: answer(said), batch: answer([]) } as unknown as TSqlSession, asked };
}

const poolOf = (session: TSqlSession): Mssql => ({ session: <T>(fn: (of: TSqlSession) => Promise<T>) => fn(session) }) as unknown as Mssql;

describe.each(writes)('the counter table: %s', (_name, write) => {
  it('is done on a connection of its own, on which no transaction is left for others', async () => {
    const { session, asked } = sessionOf([[{ there: 1 }]]);
    await write(poolOf(session));
    expect(asked).toEqual([expect.stringMatching(/^SET XACT_ABORT ON; SET LOCK_TIMEOUT 1000;\nIF OBJECT_ID[^]*BEGIN TRANSACTION;[^]*COMMIT TRANSACTION;\nSELECT 1 AS there;$/)]);
  });

  it.each([
    ['is not there', [[{ there: 0 }]], []],
    ['was dropped while it ran', unbound, [END_TRANSACTION]],
  ])('is said to be missing where it %s', async (_why, said, then) => {
    const { session, asked } = sessionOf(said);
    await expect(write(session)).rejects.toMatchObject({ code: 'COUNTER_TABLE_MISSING', recovery: 'retry', message: expect.stringContaining('elstream.counter') as unknown });
    expect(asked.slice(1)).toEqual(then);
  });

  it('passes on every other error', async () => {
    const { session } = sessionOf(new ElstreamError('DB_LOCK_TIMEOUT', 'retry', 'held'));
    await expect(write(session)).rejects.toMatchObject({ code: 'DB_LOCK_TIMEOUT' });
  });
});

it('drops the counter table in a transaction that is ended if the batch does not compile', async () => {
  const { session, asked } = sessionOf(unbound);
  await expect(dropCounter(session, counter)).rejects.toBe(unbound);
  expect(asked[1]).toBe(END_TRANSACTION);
});
