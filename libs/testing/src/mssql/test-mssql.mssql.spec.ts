import { connectMssqlClient } from './connection';
import { describeWith, itWith, serverFeatures } from './server-features';
import { createTestMssql, mssqlServerUrl } from './test-mssql';

describe('a SQL Server database of a test', () => {
  it('is its own, keeps its session, and is gone with the test even while somebody uses it', async () => {
    const database = await createTestMssql(serverFeatures().has('bracket-escapes') ? "o'dd]db" : 'od.d db');
    const other = await connectMssqlClient(database.url);
    try {
      expect(await database.query('SELECT DB_NAME() AS name')).toEqual([{ name: database.name }]);
      await database.query('CREATE TABLE #t (id int); INSERT INTO #t VALUES (7)');
      expect(await database.query('SELECT id FROM #t')).toEqual([{ id: 7 }]);
      await other.query('CREATE TABLE dbo.t (id int); BEGIN TRANSACTION; INSERT INTO dbo.t VALUES (1)');
    } finally {
      await database.drop();
      await other.close();
    }
    const admin = await connectMssqlClient(mssqlServerUrl());
    expect(await admin.query(`SELECT name FROM sys.databases WHERE name = N'${database.name.replaceAll("'", "''")}'`)).toEqual([]);
    await admin.close();
  });

  it('says what its server has', () => {
    expect(serverFeatures().size).toBeGreaterThan(0);
  });
});

describeWith('snapshot-isolation', 'on a server with row versions', () => {
  itWith('applock', 'both row versions are on', async () => {
    await using database = await createTestMssql();
    expect(await database.query('SELECT snapshot_isolation_state AS snapshot, is_read_committed_snapshot_on AS rcsi FROM sys.databases WHERE database_id = DB_ID()')).toEqual([{ snapshot: 1, rcsi: true }]);
  });
});
