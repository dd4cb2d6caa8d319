import { ElstreamError } from '@elstream/core';
import { againAfterDeadlock } from './again';

const deadlock = (): ElstreamError => new ElstreamError('DB_DEADLOCK', 'retry', 'deadlock');

describe('work that the server may end for a deadlock', () => {
  it('is done again until it succeeds', async () => {
    let tried = 0;
    const work = (): Promise<string> => {
      tried += 1;
      return tried < 4 ? Promise.reject(deadlock()) : Promise.resolve('done');
    };
    expect(await againAfterDeadlock(work)).toBe('done');
    expect(tried).toBe(4);
  });

  it.each([
    ['anything but a deadlock at once: it may have been done', new ElstreamError('DB_CONNECTION', 'retry', 'broken'), 1],
    ['a deadlock that does not end', deadlock(), 10],
  ])('fails with %s', async (_what, error, tries) => {
    let tried = 0;
    const work = (): Promise<never> => {
      tried += 1;
      return Promise.reject(error);
    };
    await expect(againAfterDeadlock(work)).rejects.toBe(error);
    expect(tried).toBe(tries);
  });
});
