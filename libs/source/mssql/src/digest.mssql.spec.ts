import { type TableMapping } from '@elstream/core';
import { type SourceDatabase } from '@elstream/source';
import { describeOne, describeWith, EVERYTHING, mappingOf, running } from '@elstream/testing';
import { numbers, openSource } from './source-fixture.fixture';

const rowsOf = async (source: SourceDatabase, mapping: TableMapping, range = EVERYTHING): Promise<number> => (await source.checksums(mapping, range, 7, running())).reduce((sum, found) => sum + found.rows, 0);

describeWith('hashbytes-utf8', 'the digests of a SQL Server source', () => {
  it('count every row of a range once, in its bucket', async () => {
    await using context = await openSource(`CREATE TABLE t (a varchar(9), b int, v nvarchar(20), PRIMARY KEY (a, b)); INSERT INTO t SELECT CONCAT('k', i % 9), i, CONCAT(N'ü', i) FROM ${numbers(500)}`);
    const { source, db } = context;
    const mapping = mappingOf(await describeOne(source, 'dbo.t'));
    expect(await rowsOf(source, mapping)).toBe(500);
    expect((await rowsOf(source, mapping, { from: null, to: ['k4', '100'] })) + (await rowsOf(source, mapping, { from: ['k4', '100'], to: null }))).toBe(500);
    const sums = await source.checksums(mapping, EVERYTHING, 7, running());
    const which = [0, 3, 6];
    const digests = await source.digests(mapping, EVERYTHING, { of: 7, which }, running());
    expect(digests).toHaveLength(sums.filter((sum) => which.includes(sum.bucket)).reduce((all, sum) => all + sum.rows, 0));
    expect(digests[0]).toEqual({ key: [expect.stringMatching(/^k\d$/), expect.stringMatching(/^\d+$/)], digest: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
    await db.query(`UPDATE t SET v = N'other' WHERE b = 250`);
    const after = await source.checksums(mapping, EVERYTHING, 7, running());
    expect(after.filter((sum) => !sums.some((before) => before.bucket === sum.bucket && before.checksum === sum.checksum))).toHaveLength(1);
  });
});
