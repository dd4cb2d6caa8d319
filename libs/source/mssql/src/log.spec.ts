import { endOfLog } from './log';
import { scriptedGate } from './scripted-gate.fixture';

describe('the end of the log of a SQL Server source', () => {
  it('is ten bytes of what the server prints', async () => {
    expect((await endOfLog(scriptedGate(() => [{ lsn: '0000002A:00000F30:0003' }]))).hex).toBe('0000002a00000f300003');
  });

  it.each([[[]], [[{ lsn: null }]]])('that is not told is asked for again: %j', async (rows) => {
    await expect(endOfLog(scriptedGate(() => rows))).rejects.toMatchObject({ code: 'SOURCE_LOG', recovery: 'retry' });
  });
});
