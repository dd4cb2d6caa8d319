import type { Mssql } from '@elstream/database';
import { beginPreloadSql, finishPreload, finishPreloadSql } from './phases';
import { targets } from './table-statements.fixture';

const claim = { taskId: 't', runId: 'r', attempt: 1, epoch: 3 } as unknown as Parameters<typeof finishPreload>[3];

describe('a change of phase', () => {
  it.each([
    ['begins', beginPreloadSql('shop', targets.plain, 5)],
    ['ends', finishPreloadSql('shop', targets.plain, 5)],
  ])('is written after what takes long when a preload %s: whoever reads the state would wait for it', (_what, statement) => {
    const orderOf = (text: string): number => {
      expect(statement).toContain(text);
      return statement.indexOf(text);
    };
    expect(orderOf('sp_getapplock')).toBeLessThan(orderOf('DELETE m'));
    expect(orderOf('DELETE m')).toBeLessThan(orderOf('UPDATE elstream.table_state'));
  });
});

describe('the end of a preload', () => {
  it('takes the time that reading a large table takes: broken off, it would begin anew for ever', async () => {
    const limits: unknown[] = [];
    const sets = async (_statement: string, _params: unknown, limit: unknown): Promise<unknown> => {
      limits.push(limit);
      return Promise.resolve([[{ outcome: 'done', swept: '7' }]]);
    };
    const db = { lockMs: 5, session: async (fn: (session: unknown) => Promise<unknown>) => fn({ sets }) } as unknown as Mssql;
    expect(await finishPreload(db, 'shop', targets.plain, claim)).toEqual({ outcome: 'done', rowsSwept: 7 });
    expect(limits).toEqual([{ timeoutMs: 0 }]);
  });
});
