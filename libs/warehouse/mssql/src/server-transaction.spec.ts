import { ElstreamError } from '@elstream/core';
import { END_TRANSACTION, type Mssql, type TSqlSession } from '@elstream/database';
import { dynamic } from './ddl-batch';
import { runTransaction } from './server-transaction';
import { FakeSession } from './session.fixture';

const unbound = new ElstreamError('DB_208', 'stop', 'Invalid object name');

describe('a transaction on the server that an error of compiling may leave open', () => {
  it('is ended on the session it was begun on, which may go on', async () => {
    const session = new FakeSession((statement) => (statement === END_TRANSACTION ? [] : unbound));
    await expect(runTransaction(session, 'BEGIN TRANSACTION;')).rejects.toBe(unbound);
    expect(session.asked).toEqual(['BEGIN TRANSACTION;', END_TRANSACTION]);
  });

  it('is told as what it was, where the connection is gone, and the transaction with it', async () => {
    const session = new FakeSession((statement) => (statement === END_TRANSACTION ? new Error('gone') : unbound));
    await expect(runTransaction(session, 'BEGIN TRANSACTION;')).rejects.toBe(unbound);
  });

  it('is never that of a connection which others get: it has one of its own, closed if it fails', async () => {
    const session = new FakeSession(() => [[{ outcome: 'done' }]]);
    let held = 0;
    const db = {
      sets: () => Promise.reject(new Error('on a connection of the pool')),
      session: async <T>(fn: (of: TSqlSession) => Promise<T>): Promise<T> => {
        held += 1;
        return fn(session);
      },
    } as unknown as Mssql;
    expect((await runTransaction(db, 'BEGIN TRANSACTION;')).outcome).toBe('done');
    expect(held).toBe(1);
  });

  it('is told with a remedy, where a primary key by which rows are looked up is gone', async () => {
    const session = new FakeSession(() => new ElstreamError('DB_8622', 'stop', 'could not produce a query plan because of the hints'));
    await expect(runTransaction(session, 'BEGIN TRANSACTION;')).rejects.toMatchObject({ code: 'DB_8622', recovery: 'stop', message: expect.stringContaining('make it again') as string });
  });

  it('ends where a statement in it does not compile: what follows is not done without it', () => {
    expect(dynamic("ALTER TABLE [o'dbo].[t] ADD c int NULL")).toBe(`BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[t] ADD c int NULL';
  IF @@ERROR <> 0
  BEGIN
    ${END_TRANSACTION}
    RETURN;
  END;
END;`);
  });
});
