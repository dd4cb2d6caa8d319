import { compareRows, createTestDatabase, expectSameRows } from './index';

describe('expectSameRows', () => {
  it('finds equal tables equal across databases, whatever their settings and column names', async () => {
    await using a = await createTestDatabase();
    await using b = await createTestDatabase();
    await a.query(`ALTER DATABASE ${a.name} SET timezone = 'Asia/Tokyo'`);
    await a.query("CREATE TABLE t AS SELECT 1::int8 AS id, '2020-01-01 00:00:00.000001Z'::timestamptz AS at, NULL::text AS n, 0.1::float8 AS f");
    await b.query("CREATE TABLE u AS SELECT 1::int8 AS \"ID\", '2020-01-01 00:00:00.000001Z'::timestamptz AS at, NULL::text AS n, 0.1::float8 AS f");
    const columns = ['at', 'n', 'f'];
    expect(await expectSameRows({ url: a.url, table: 't', columns: ['id', ...columns] }, { url: b.url, table: 'u', columns: ['"ID"', ...columns] })).toBe(1);
  });

  it('counts duplicates, tells NULL from empty text and shows rows of either side', async () => {
    await using a = await createTestDatabase();
    await a.query("CREATE TABLE s (v text); CREATE TABLE w (v text); INSERT INTO s VALUES ('x'), ('x'), (NULL); INSERT INTO w VALUES ('x'), (''), (NULL)");
    const [source, warehouse] = [{ url: a.url, table: 's', columns: ['v'] }, { url: a.url, table: 'w', columns: ['v'] }];
    expect(await compareRows(source, warehouse)).toEqual({ sourceRows: 3, warehouseRows: 3, onlyInSource: ['["x"]'], onlyInWarehouse: ['[""]'] });
    await expect(expectSameRows(source, warehouse)).rejects.toThrow(/s and w differ \(3 and 3 rows\)[\s\S]*only in the source: 1\s+\["x"\][\s\S]*only in the warehouse: 1\s+\[""\]/);
  });
});
