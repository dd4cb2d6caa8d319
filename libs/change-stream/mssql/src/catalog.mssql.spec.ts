import { describeWith } from '@elstream/testing';
import { captureContext } from './capture.fixture';
import { readFacts, readTables } from './catalog';

describeWith(['openjson', 'computed-columns'], 'the catalog of a source', () => {
  it('tells the columns of the wanted tables, and which are computed', async () => {
    await using context = await captureContext();
    await context.db.query('CREATE TABLE dbo.item (id int NOT NULL PRIMARY KEY, [v .w] int NULL, twice AS id * 2)');
    const found = await readTables(await context.gate(), [{ schema: 'dbo', name: 'item' }, { schema: 'dbo', name: "g'one" }]);
    expect([...found]).toEqual([['dbo.item', { history: false, columns: new Map([['id', { computed: false }], ['v .w', { computed: false }], ['twice', { computed: true }]]) }]]);
  });

  it('tells where we are and what we may', async () => {
    await using context = await captureContext();
    expect(await readFacts(await context.gate())).toMatchObject({ database: context.db.name, user: 'dbo', captured: false, sysadmin: true, owner: true });
  });
});
