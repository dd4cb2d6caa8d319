import { createHmac } from 'node:crypto';
import { type TestDatabase } from '@elstream/testing';
import { idOf, RoundTrip, SLOW_TEST_MS } from './roundtrip.fixture';

jest.setTimeout(SLOW_TEST_MS);

const SECRET = 'a key of the hash that nobody may read';
const PERSON = idOf('person');
/** In every clear value of a masked column; nowhere else. */
const CLEAR = 'clearvalue';
const LONG = `(SELECT string_agg(md5(i::text), '') || '${CLEAR}' FROM generate_series(1, 300) i)`;

const hashed = (text: string): string => createHmac('sha256', SECRET).update(text, 'utf8').digest('hex');

/** Everything the warehouse's tables hold, control tables included, as one text; names of the tables looked at with it. */
async function everything(db: TestDatabase): Promise<{ readonly tables: string[]; readonly text: string }> {
  const found = await db.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_(catalog|toast)' ORDER BY 1`,
  );
  const tables = found.map((row) => row.name);
  const texts: string[] = [];
  for (const table of tables) texts.push(...(await db.queryText(`SELECT row_to_json(x)::text AS row FROM (SELECT * FROM ${table}) x`)).map((row) => row['row'] ?? ''));
  return { tables, text: texts.join('\n') };
}

describe('a mask holds everywhere', () => {
  let trip: RoundTrip;

  const parked = async (): Promise<unknown[]> => trip.warehouse.query(`SELECT origin, key, row FROM elstream.dead_letter WHERE state = 'parked'`);

  /** The clear values and the key of the hash are in no table of the warehouse, no log line and no error shown to people. */
  async function nothingClear(): Promise<void> {
    const { tables, text: stored } = await everything(trip.warehouse);
    // bytes are hex in the text of a row
    const bytes = await trip.warehouse.query<{ bytes: string }>(`SELECT encode(bytes, 'escape') AS bytes FROM elstream.dead_letter`);
    const text = [stored, ...bytes.map((row) => row.bytes)].join('\n');
    expect(tables).toEqual(expect.arrayContaining(['public.person', 'elstream.task', 'elstream.table_state', 'elstream.checkpoint']));
    // what is stored in place of them is found by this look
    expect(text).toContain(hashed(`${CLEAR}1`));
    for (const hidden of [CLEAR, SECRET]) {
      expect(text.includes(hidden)).toBe(false);
      expect(trip.logger.text().includes(hidden)).toBe(false);
    }
  }

  beforeAll(async () => {
    trip = await RoundTrip.open(
      [
        `CREATE TABLE person (id int PRIMARY KEY, name text, email text NOT NULL, ssn text, born date, long text, small int8)`,
        `ALTER TABLE person ALTER long SET STORAGE EXTERNAL`,
        `INSERT INTO person SELECT i, 'name ' || i, 'mail${CLEAR}' || i, '${CLEAR}' || i % 3, '1980-01-01', ${LONG}, i FROM generate_series(1, 250) i`,
        `INSERT INTO person VALUES (900, NULL, '${CLEAR}', NULL, NULL, NULL, NULL)`,
      ],
      `
  settings:
    - match: 'public.*'
      columns:
        mask: { email: null, ssn: { hash: '${SECRET}' }, born: { hash: '${SECRET}' }, long: { hash: '${SECRET}' } }
        type: { small: smallint }
defaults: { chunkRows: 100 }`,
    );
  });
  afterAll(async () => {
    await trip[Symbol.asyncDispose]();
  });

  it('on preload and validation, which finds both sides equal', async () => {
    expect(await trip.preload()).toMatchObject({ differences: 0, unverified: 0, tables: [{ table: PERSON }] });
    expect(await trip.differences(PERSON)).toEqual([]);
    expect(await trip.atWarehouse('SELECT id, name, email, ssn, born FROM person WHERE id IN (4, 900)')).toEqual([
      ['4', 'name 4', null, hashed(`${CLEAR}1`), hashed('1980-01-01')],
      ['900', null, null, null, null],
    ]);
    await nothingClear();
  });

  it('on the stream: few and many rows, key changes, values the log leaves out, deletes', async () => {
    await trip.stream(
      `INSERT INTO person SELECT i, 'new', 'n${CLEAR}', '${CLEAR}1', '1980-01-01', ${LONG}, 1 FROM generate_series(1001, 1003) i`,
      `UPDATE person SET name = 'changed' WHERE id <= 3`,
      `UPDATE person SET id = id + 2000 WHERE id IN (5, 6)`,
      `UPDATE person SET email = 'other${CLEAR}', ssn = 'other${CLEAR}', long = 'short${CLEAR}', born = NULL WHERE id = 7`,
      `DELETE FROM person WHERE id IN (8, 1002)`,
    );
    expect(await trip.differences(PERSON)).toEqual([]);
    await trip.stream(`INSERT INTO person SELECT i, 'many', '${CLEAR}', '${CLEAR}2', NULL, '${CLEAR}', 1 FROM generate_series(3000, 3400) i`, `UPDATE person SET name = 'all', id = id + 10000`, `ALTER TABLE person REPLICA IDENTITY FULL; UPDATE person SET name = 'full' WHERE id % 2 = 0; DELETE FROM person WHERE id % 5 = 0`);
    expect(await trip.differences(PERSON)).toEqual([]);
    // equal values stay joinable, whichever way they came
    expect(await trip.atWarehouse(`SELECT DISTINCT ssn FROM person WHERE id = 10004 OR id = 11001`)).toEqual([[hashed(`${CLEAR}1`)]]);
    await nothingClear();
  });

  it('in the dead letters of a row the warehouse cannot hold, from the stream and when it is preloaded again', async () => {
    await trip.stream(`UPDATE person SET small = 100000, email = 'bad${CLEAR}', ssn = 'bad${CLEAR}' WHERE id = 10001`);
    expect(await parked()).toMatchObject([{ origin: 'stream', key: ['10001'], row: expect.arrayContaining(['10001', '100000', hashed(`bad${CLEAR}`)]) as unknown }]);
    await nothingClear();
    await trip.preload();
    expect(await parked()).toMatchObject([{ origin: 'preload', key: ['10001'] }]);
    await nothingClear();
  });
});
