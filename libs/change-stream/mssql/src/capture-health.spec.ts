import { budgetWarning, captureJobTrouble } from './capture-health';

describe('whether the capture job works', () => {
  it.each([
    ['just now', { ageS: 3, agent: null, error: null }],
    ['ten minutes ago', { ageS: 600, agent: 'Stopped', error: 22859 }],
  ])('is believed if it took something up %s', (_when, seen) => {
    expect(captureJobTrouble('db', seen)).toBeNull();
  });

  it.each([
    [{ ageS: 1_200, agent: 'Stopped', error: null }, 'the capture job of database db has captured nothing for 20 minutes; SQL Server Agent is stopped: start it'],
    [{ ageS: null, agent: 'Running', error: 22859 }, "the capture job of database db has captured nothing yet; look whether SQL Server Agent runs and start the job in db: EXEC sys.sp_cdc_start_job @job_type = N'capture' (its last error is 22859, see sys.dm_cdc_errors)"],
    [{ ageS: 601, agent: null, error: null }, "the capture job of database db has captured nothing for 10 minutes; look whether SQL Server Agent runs and start the job in db: EXEC sys.sp_cdc_start_job @job_type = N'capture'"],
  ])('is told with the remedy: %j', (seen, text) => {
    expect(captureJobTrouble('db', seen)).toBe(text);
  });
});

describe('the time left before changes are cleaned up', () => {
  it.each([
    ['less than half is used', 3 * 3600, 4320],
    ['the retention is not visible', 10 ** 6, null],
    ['what is needed is gone, which is a gap', null, 4320],
  ])('is no matter where %s', (_why, neededS, retentionMin) => {
    expect(budgetWarning(neededS, retentionMin)).toBeNull();
  });

  it('is told from half of it on, and never negative', () => {
    expect(budgetWarning(2160 * 60, 4320)).toContain('2160 minutes are left; raise it: EXEC sys.sp_cdc_change_job @job_type = N\'cleanup\', @retention = 8640');
    expect(budgetWarning(9000 * 60, 4320)).toContain(': 0 minutes are left');
  });
});
