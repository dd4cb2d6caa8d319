import { READ_LOGIN } from './catalog/tables-sql';
import { READ_SERVER, serverProblems, snapshotAdvice, type ServerFacts } from './check';

const FIT: ServerFacts = {
  version: '15.0.4385.2', engine: 3, edition: 'Developer Edition (64-bit)', database: 'test]DB', compatibility: 150, captureEnabled: true, snapshotState: 1, delayedDurability: false, versionedReads: false, writable: true, sysadmin: false,
  login: 'el]s', user: 'els', serverState: true, databaseState: true, services: true,
};

describe('the check of a SQL Server source', () => {
  it.each<[string, Partial<ServerFacts>, readonly string[], (boolean | null)?]>([
    ['nothing is wrong with a fit server', {}, []],
    ['an old server is to be upgraded', { version: '14.0.3456.2' }, ['upgrade it to 2019 (15.0)']],
    ['of the cloud the version says nothing', { version: '12.0.2000.8', engine: 5 }, []],
    ['an old compatibility level is to be raised', { compatibility: 120 }, ['ALTER DATABASE [test]]DB] SET COMPATIBILITY_LEVEL = 130']],
    ['a secondary is refused', { writable: false }, ['point the connection URL at the primary']],
    ['transactions must be visible', { serverState: false }, ['GRANT VIEW SERVER STATE TO [el]]s]']],
    ['the log must be visible', { databaseState: false }, ['GRANT VIEW DATABASE STATE TO [els]']],
    ['the database must be captured', { captureEnabled: false }, ['EXEC sys.sp_cdc_enable_db']],
    ['capture enables it itself where it may', { captureEnabled: false, sysadmin: true }, []],
    ['Express has no capture', { engine: 4, edition: 'Express Edition', captureEnabled: false }, ['Express Edition, which has no change data capture']],
    ['nor has Web, whatever was restored to it', { engine: 2, edition: 'Web Edition (64-bit)' }, ['Web Edition (64-bit), which has no change data capture']],
    ['Standard has', { engine: 2, edition: 'Standard Edition (64-bit)' }, []],
    ['capture would miss what was seen', { delayedDurability: true }, ['ALTER DATABASE [test]]DB] SET DELAYED_DURABILITY = DISABLED']],
    ['the connector needs snapshot isolation', { snapshotState: 0, versionedReads: true }, ['SET ALLOW_SNAPSHOT_ISOLATION ON']],
    ['the agent must run', {}, ['the SQL Server Agent does not run'], false],
    ['an agent that cannot be seen is no problem', {}, [], null],
    ['everything is said at once', { compatibility: 100, serverState: false, databaseState: false, captureEnabled: false }, ['COMPATIBILITY', 'SERVER STATE', 'DATABASE STATE', 'sp_cdc_enable_db', 'Agent'], false],
  ])('%s', (_what, facts, problems, agent = true) => {
    expect(serverProblems({ ...FIT, ...facts }, agent, { capture: true })).toEqual(problems.map((part) => expect.stringContaining(part) as unknown));
  });

  it('asks for rights to a database with a dot or a hyphen in its name', () => {
    expect([...READ_SERVER.matchAll(/(\S+), N'DATABASE'/g)].map(([, name]) => name)).toEqual(Array.from({ length: 2 }, () => 'HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME())'));
    expect(READ_LOGIN).toContain("HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'UNMASK')");
  });

  it('asks for no capture where none is wanted', () => {
    expect(serverProblems({ ...FIT, captureEnabled: false, engine: 4 }, false, { capture: false })).toEqual([]);
  });

  it('recommends row versions, with the statement', () => {
    expect(snapshotAdvice(FIT)).toBeNull();
    expect(snapshotAdvice({ ...FIT, snapshotState: 0, versionedReads: true })).toBeNull();
    for (const snapshotState of [0, 3]) expect(snapshotAdvice({ ...FIT, snapshotState })).toContain('ALTER DATABASE [test]]DB] SET ALLOW_SNAPSHOT_ISOLATION ON');
  });
});
