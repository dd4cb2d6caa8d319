import { createTestDatabase, createTypesTable, insertTypeRows, OWN_TYPES, POSTGRES_TYPES, rotateTypeRows, TYPE_ROWS } from './index';

describe('the table of PostgreSQL types', () => {
  it('makes, fills and rotates a table of all types, every value of each in it', async () => {
    await using db = await createTestDatabase('types');
    await db.query(OWN_TYPES);
    await db.query(createTypesTable('t'));
    for (const insert of insertTypeRows('t')) await db.query(insert);
    await db.query(rotateTypeRows('t'));
    expect(await db.queryText('SELECT count(*) AS n FROM t')).toEqual([{ n: String(TYPE_ROWS) }]);
    const filled = await db.queryText(`SELECT ${POSTGRES_TYPES.map((t) => `count("${t.name}") AS "${t.name}"`).join(', ')} FROM t`);
    expect(filled).toEqual([Object.fromEntries(POSTGRES_TYPES.map((t) => [t.name, String(t.values.length)]))]);
  });
});
