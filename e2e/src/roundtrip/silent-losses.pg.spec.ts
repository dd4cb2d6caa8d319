import { DIRECT_PARTITION } from '@elstream/core';
import { idOf, RoundTrip, SLOW_TEST_MS } from './roundtrip.fixture';

jest.setTimeout(SLOW_TEST_MS);

const ORDERS = idOf('orders');
const STOCK = idOf('stock');

/** The system this one replaces lost changes in three ways without a word. */
describe('what the old system lost in silence is not lost', () => {
  let trip: RoundTrip;

  beforeAll(async () => {
    trip = await RoundTrip.open([
      'CREATE TABLE products (id int PRIMARY KEY, name text)',
      'CREATE TABLE orders (id int PRIMARY KEY, product_id int REFERENCES products, quantity int)',
      'CREATE TABLE stock (product_id int PRIMARY KEY, quantity int, note text)',
      `INSERT INTO products VALUES (101, 'scooter'), (102, 'battery')`,
      'INSERT INTO orders VALUES (10001, 101, 1), (10002, 101, 2)',
      `INSERT INTO stock VALUES (101, 3, ''), (102, 8, '')`,
    ]);
    await trip.preload();
  });
  afterAll(async () => {
    await trip[Symbol.asyncDispose]();
  });

  it('a second order of one product', async () => {
    expect(await trip.atWarehouse('SELECT id, product_id FROM orders')).toEqual([['10001', '101'], ['10002', '101']]);
    await trip.stream('INSERT INTO orders VALUES (10003, 102, 1)', 'INSERT INTO orders VALUES (10004, 102, 7)', 'INSERT INTO orders VALUES (10005, 101, 1), (10006, 101, 1)');
    expect(await trip.atWarehouse('SELECT id, product_id FROM orders WHERE id > 10002')).toEqual([['10003', '102'], ['10004', '102'], ['10005', '101'], ['10006', '101']]);
    expect(await trip.differences(ORDERS)).toEqual([]);
  });

  it('two changes of a row inside one clock tick', async () => {
    // one transaction has one commit time; so have, mostly, transactions that follow each other this closely
    await trip.stream(
      `BEGIN; UPDATE stock SET quantity = 1 WHERE product_id = 101; UPDATE stock SET quantity = 2 WHERE product_id = 101; UPDATE stock SET note = 'both' WHERE product_id = 101; COMMIT`,
      `BEGIN; INSERT INTO stock VALUES (103, 1, 'in'); DELETE FROM stock WHERE product_id = 103; INSERT INTO stock VALUES (103, 2, 'again'); UPDATE stock SET product_id = 104 WHERE product_id = 103; COMMIT`,
      `DO $$ BEGIN FOR i IN 1..200 LOOP UPDATE stock SET quantity = quantity + 1 WHERE product_id = 102; COMMIT; END LOOP; END $$`,
    );
    expect(await trip.atWarehouse('SELECT product_id, quantity, note FROM stock')).toEqual([
      ['101', '2', 'both'],
      ['102', '208', ''],
      ['104', '2', 'again'],
    ]);
    expect(await trip.differences(STOCK)).toEqual([]);
    // each of them was counted, none taken for another
    const [state] = (await trip.pipeline.warehouse.readTableStates(trip.pipeline.name)).filter((s) => s.table === STOCK);
    expect(state?.eventsApplied).toBe(3 + 4 + 200);
  });

  it('a stream that goes on after its first batch', async () => {
    const positions: string[] = [];
    for (let round = 1; round <= 5; round += 1) {
      await trip.stream(`INSERT INTO products VALUES (${String(200 + round)}, 'round ${String(round)}'); UPDATE stock SET note = 'round ${String(round)}'`);
      expect(await trip.atWarehouse('SELECT DISTINCT note FROM stock')).toEqual([[`round ${String(round)}`]]);
      positions.push((await trip.pipeline.warehouse.readCheckpoint(trip.pipeline.name, DIRECT_PARTITION))?.next.hex ?? '');
    }
    expect(positions).toEqual([...new Set(positions)].sort());
    expect(await trip.differences(idOf('products'))).toEqual([]);
    expect(await trip.differences(STOCK)).toEqual([]);
  });
});
