import { scriptedGate } from './scripted-gate.fixture';
import { filterInProgress, listTransactions, toTransaction, type TransactionRow } from './transactions';

const ROW: TransactionRow = { transaction: '4711', begin: '42000000388800005', state: 4, session: 57, login: 'CORP\\joe', program: 'ERP  ', host: 'pc7', since: '2026-11-23 05:00:00' };

describe('a transaction in progress', () => {
  it('is told apart by its id and its first log record', () => {
    expect(toTransaction(ROW).id).toBe('4711:42000000388800005');
  });

  it.each<[string, Partial<TransactionRow>, string]>([
    ['a session', {}, 'session 57 of CORP\\joe (ERP) from pc7, since 2026-11-23 05:00:00'],
    ['a session that says little', { program: '', host: null, login: null, since: null }, 'session 57 of an unknown login, since an unknown time'],
    ['a coordinator', { session: null, state: 5 }, 'prepared distributed transaction 4711 without a session'],
    ['nobody', { session: null }, 'transaction 4711 without a session'],
  ])('names its holder: %s', (_what, row, holder) => {
    expect(toTransaction({ ...ROW, ...row }).holder).toContain(holder);
  });
});

describe('those of the listed that are still in progress', () => {
  it('are the same transactions, not others of the same id', async () => {
    const gate = scriptedGate(() => [ROW, { ...ROW, transaction: '4712' }]);
    const listed = await listTransactions(gate);
    expect(listed.map(({ id }) => id)).toEqual(['4711:42000000388800005', '4712:42000000388800005']);
    const later = scriptedGate(() => [{ ...ROW, begin: '43000000388800005' }, { ...ROW, transaction: '4712' }]);
    expect((await filterInProgress(later, listed)).map(({ id }) => id)).toEqual(['4712:42000000388800005']);
    expect(await filterInProgress(gate, [])).toEqual([]);
    expect(gate.asked).toHaveLength(1);
  });
});
