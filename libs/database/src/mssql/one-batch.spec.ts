import type { Mssql } from './data-source';
import type { TSqlSession } from './gate';
import { END_TRANSACTION, transactionSets } from './one-batch';

const failure = new Error('Invalid object name');

/** A session whose statements fail, but the one that ends the transaction. */
function failing(asked: string[], gone = false): TSqlSession {
  const batch = (statement: string): Promise<never[]> => {
    asked.push(statement);
    return gone ? Promise.reject(new Error('gone')) : Promise.resolve([]);
  };
  const sets = (statement: string): Promise<never> => {
    asked.push(statement);
    return Promise.reject(failure);
  };
  return { sets, batch } as unknown as TSqlSession;
}

describe('a batch from BEGIN to COMMIT that fails', () => {
  it.each([false, true])('leaves no transaction open on a session that goes on (connection gone: %p), and is told as what it was', async (gone) => {
    const asked: string[] = [];
    await expect(transactionSets(failing(asked, gone), 'BEGIN TRANSACTION;')).rejects.toBe(failure);
    expect(asked).toEqual(['BEGIN TRANSACTION;', END_TRANSACTION]);
  });

  it('leaves none on a connection of the pool: it had one of its own, which is closed', async () => {
    const asked: string[] = [];
    const db = {
      sets: () => Promise.reject(new Error('on a connection of the pool')),
      session: <T>(fn: (of: TSqlSession) => Promise<T>): Promise<T> => fn(failing(asked)),
    } as unknown as Mssql;
    await expect(transactionSets(db, 'BEGIN TRANSACTION;')).rejects.toBe(failure);
    expect(asked).toEqual(['BEGIN TRANSACTION;']);
  });
});
