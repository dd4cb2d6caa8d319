import { type Client } from 'pg';

/** What the writer knows of the tables when it begins. */
export interface Ground {
  /** Ids from `first`, without holes, that are never moved nor deleted: new orders may point to them. */
  readonly customers: { readonly first: number; readonly count: number; readonly last: number };
  readonly products: { readonly first: number; readonly count: number; readonly last: number };
  readonly orders: { readonly first: number; readonly last: number };
}

export async function surveyGround(client: Client): Promise<Ground> {
  const { rows } = await client.query<Record<string, number>>(`
    SELECT (SELECT min(id) FROM inventory.customers WHERE id >= 1005) AS c1, (SELECT max(id) FROM inventory.customers) AS c2,
           (SELECT min(id) FROM inventory.products WHERE id >= 110) AS p1, (SELECT max(id) FROM inventory.products) AS p2,
           (SELECT min(id) FROM inventory.orders) AS o1, (SELECT max(id) FROM inventory.orders) AS o2`);
  const { c1 = 0, c2 = 0, p1 = 0, p2 = 0, o1 = 0, o2 = 0 } = rows[0] ?? {};
  const half = (first: number, last: number) => ({ first, last, count: Math.floor((last - first + 1) / 2) });
  return { customers: half(c1, c2), products: half(p1, p2), orders: { first: o1, last: o2 } };
}

/** Statements of one open transaction. */
export interface Hand {
  readonly client: Client;
  readonly ground: Ground;
  /** Grows; makes new texts new. */
  readonly n: number;
}

const between = (from: number, to: number): number => from + Math.floor(Math.random() * Math.max(1, to - from + 1));
const orderRange = ({ ground }: Hand, length: number): [number, number] => {
  const from = between(ground.orders.first, ground.orders.last - length);
  return [from, from + length - 1];
};
const customerRange = ({ ground }: Hand, length: number): [number, number] => {
  const from = between(ground.customers.first, ground.customers.last - length);
  return [from, from + length - 1];
};
/** Of those that may move and go. */
const looseCustomers = ({ ground: { customers } }: Hand, length: number): [number, number] => {
  const from = between(customers.first + customers.count, customers.last - length);
  return [from, from + length - 1];
};
const looseProducts = ({ ground: { products } }: Hand, length: number): [number, number] => {
  const from = between(products.first + products.count, products.last - length);
  return [from, from + length - 1];
};

/** Values at the edges of their types. */
const INTEGERS = `ARRAY[-2147483648, 2147483647, 0, -1, 1]`;
const DATES = `ARRAY['4713-01-01 BC', '0001-01-01', '1582-10-15', '1970-01-01', '2024-02-29', '9999-12-31', '5874897-12-31', 'infinity', '-infinity']::date[]`;
const WEIGHTS = `ARRAY['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', '123456789012345680', NULL]::float8[]`;
const TEXTS = `ARRAY['', ' ', 'NULL', E'\\\\N', E'tab\\tline\\nend\\r\\n', E'back\\\\slash', '"quoted", comma', '𝄞 beyond the BMP 👩‍👩‍👧', repeat('ü', 255), '{"a": [1, null]}']`;

export async function insertOrders({ client, ground: { customers: c, products: p } }: Hand): Promise<void> {
  await client.query(
    `INSERT INTO inventory.orders (order_date, purchaser, quantity, product_id)
     SELECT CASE WHEN i % 20 = 0 THEN (${DATES})[1 + i / 20 % 9] ELSE date '2026-01-01' + i END,
            $1 + floor(random() * $2)::int, CASE WHEN i % 25 = 0 THEN (${INTEGERS})[1 + i / 25 % 5] ELSE i END, $3 + floor(random() * $4)::int
       FROM generate_series(1, 100) AS i`,
    [c.first, c.count, p.first, p.count],
  );
}

export async function updateOrders(hand: Hand): Promise<void> {
  await hand.client.query(`UPDATE inventory.orders SET quantity = CASE WHEN id % 9 = 0 THEN (${INTEGERS})[1 + abs(id) % 5] ELSE (quantity::bigint % 1000 + 1)::int END WHERE id BETWEEN $1 AND $2`, orderRange(hand, 150));
}

export async function redateOrders(hand: Hand): Promise<void> {
  await hand.client.query(`UPDATE inventory.orders SET order_date = (${DATES})[1 + abs(id) % 9] WHERE id BETWEEN $1 AND $2`, orderRange(hand, 40));
}

export async function deleteOrders(hand: Hand): Promise<void> {
  await hand.client.query('DELETE FROM inventory.orders WHERE id BETWEEN $1 AND $2', orderRange(hand, 40));
}

/** To the end of the key space, out of the chunk it lay in. */
export async function moveOrdersToEnd(hand: Hand): Promise<void> {
  await hand.client.query(`UPDATE inventory.orders SET id = nextval('inventory.orders_id_seq') WHERE id BETWEEN $1 AND $2`, orderRange(hand, 20));
}

/** To its beginning. */
export async function moveOrdersToBeginning(hand: Hand): Promise<void> {
  await hand.client.query('UPDATE inventory.orders SET id = -id WHERE id BETWEEN $1 AND $2', orderRange(hand, 20));
}

/** Two rows exchange their keys. */
export async function swapOrders(hand: Hand): Promise<void> {
  const [a, b] = orderRange(hand, 1_000);
  await hand.client.query(`UPDATE inventory.orders SET id = -2147483648 + ${String(hand.n % 1_000_000)} WHERE id = $1`, [a]);
  await hand.client.query('UPDATE inventory.orders SET id = $1 WHERE id = $2', [a, b]);
  await hand.client.query(`UPDATE inventory.orders SET id = $1 WHERE id = -2147483648 + ${String(hand.n % 1_000_000)}`, [b]);
}

/** Deleted and inserted again under the same key, in one transaction. */
export async function replaceOrders(hand: Hand): Promise<void> {
  const { rows } = await hand.client.query<{ id: number }>('DELETE FROM inventory.orders WHERE id BETWEEN $1 AND $2 RETURNING id', orderRange(hand, 25));
  const { customers: c, products: p } = hand.ground;
  await hand.client.query(`INSERT INTO inventory.orders (id, order_date, purchaser, quantity, product_id) SELECT id, '2026-06-01', $2, 7, $3 FROM unnest($1::int[]) AS id`, [rows.map((r) => r.id), c.first, p.first]);
}

export async function updateCustomers(hand: Hand): Promise<void> {
  await hand.client.query(
    `UPDATE inventory.customers SET first_name = (${TEXTS})[1 + id % 10], last_name = left(last_name, 20) || '*', email = format('c%s-%s@example.org', id, $3::text) WHERE id BETWEEN $1 AND $2`,
    [...customerRange(hand, 40), `${String(process.pid)}-${String(hand.n)}`],
  );
}

export async function insertCustomers({ client, n }: Hand): Promise<void> {
  await client.query(`INSERT INTO inventory.customers (first_name, last_name, email) SELECT (${TEXTS})[1 + i % 10], 'new ' || i, format('new%s-%s@example.org', $1::text, i) FROM generate_series(1, 10) AS i`, [`${String(process.pid)}-${String(n)}`]);
}

/** Their orders follow by cascade. */
export async function moveCustomers(hand: Hand): Promise<void> {
  await hand.client.query(`UPDATE inventory.customers SET id = nextval('inventory.customers_id_seq') WHERE id BETWEEN $1 AND $2`, looseCustomers(hand, 3));
}

export async function deleteCustomers(hand: Hand): Promise<void> {
  const [from, to] = looseCustomers(hand, 3);
  await hand.client.query('DELETE FROM inventory.orders WHERE purchaser BETWEEN $1 AND $2', [from, to]);
  await hand.client.query('DELETE FROM inventory.customers WHERE id BETWEEN $1 AND $2', [from, to]);
}

export async function updateProducts(hand: Hand): Promise<void> {
  const { first, last } = hand.ground.products;
  const from = between(first, last - 30);
  await hand.client.query(`UPDATE inventory.products SET weight = (${WEIGHTS})[1 + id % 9], description = CASE WHEN id % 4 = 0 THEN NULL ELSE (${TEXTS})[1 + id % 10] END WHERE id BETWEEN $1 AND $2`, [from, from + 29]);
}

export async function stockProducts(hand: Hand): Promise<void> {
  const { first, last } = hand.ground.products;
  const from = between(first, last - 60);
  await hand.client.query(`UPDATE inventory.products_on_hand SET quantity = (${INTEGERS})[1 + product_id % 5] WHERE product_id BETWEEN $1 AND $2`, [from, from + 59]);
}

/** The key of products_on_hand moves with it, and orders follow, by cascade. */
export async function moveProducts(hand: Hand): Promise<void> {
  await hand.client.query(`UPDATE inventory.products SET id = nextval('inventory.products_id_seq') WHERE id BETWEEN $1 AND $2`, looseProducts(hand, 2));
}

export async function insertProducts({ client }: Hand): Promise<void> {
  await client.query(`
    WITH added AS (INSERT INTO inventory.products (name, description, weight) SELECT (${TEXTS})[1 + i], (${TEXTS})[10 - i], (${WEIGHTS})[1 + i] FROM generate_series(0, 8) AS i RETURNING id)
    INSERT INTO inventory.products_on_hand (product_id, quantity) SELECT id, (${INTEGERS})[1 + id % 5] FROM added`);
}
