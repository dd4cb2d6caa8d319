-- Makes the sample (inventory.sql) big: SELECT inventory_generate(customers => 50000, orders => 230000, products => 10000);
-- Adds that many rows to what is there, and one of products_on_hand per product. Set-based and without randomness: the
-- same calls in the same order give the same rows. The first rows of each call hold values at the edges of their types.

CREATE OR REPLACE FUNCTION inventory_generate(customers integer, orders integer, products integer) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  customer_count bigint;
  product_count bigint;
  long_text constant text := repeat('ü', 255);
  names constant text[] := ARRAY['Sally', 'José', 'Анна', '麗', 'O''Neil', 'Zoë', 'Müller', 'Þór'];
  texts constant text[] := ARRAY['', ' ', E'tab\there', E'line\nbreak\r\n', E'back\\slash \\N', '\N', 'NULL', '"quoted", comma', '𝄞 beyond the BMP 👩‍👩‍👧', E'e\u0301 combining', '{"a": [1, null]}', long_text];
  weights constant double precision[] := ARRAY['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', '1e22', '123456789012345680'];
  dates constant date[] := ARRAY['4713-01-01 BC', '0001-01-01', '1582-10-15', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31', '5874897-12-31', 'infinity', '-infinity'];
  integers constant integer[] := ARRAY[-2147483648, 2147483647, 0, -1];
BEGIN
  IF least(customers, orders, products) < 0 THEN
    RAISE EXCEPTION 'inventory_generate: counts must not be negative';
  END IF;

  INSERT INTO inventory.customers (id, first_name, last_name, email)
  SELECT n.id,
         coalesce(texts[n.i], names[1 + n.i % 8]),
         coalesce(texts[n.i], names[1 + n.i / 8 % 8] || n.i % 1000),
         format('customer%s@example.org', n.id)
    FROM (SELECT i, nextval(pg_get_serial_sequence('inventory.customers', 'id')) AS id FROM generate_series(1, customers) AS i) AS n;

  WITH added AS (
    INSERT INTO inventory.products (name, description, weight)
    SELECT coalesce(texts[i], 'product ' || i),
           CASE WHEN i <= 12 THEN texts[i] WHEN i % 10 = 0 THEN NULL ELSE 'description of product ' || i || repeat(' and so on', i % 20) END,
           CASE WHEN i <= 9 THEN weights[i] WHEN i % 11 = 0 THEN NULL ELSE i / 7.0 END
      FROM generate_series(1, products) AS i
    RETURNING id
  )
  INSERT INTO inventory.products_on_hand (product_id, quantity)
  SELECT id, coalesce(integers[row_number() OVER (ORDER BY id)], (id * 37::bigint % 1000)::integer) FROM added;

  SELECT count(*) INTO customer_count FROM inventory.customers;
  SELECT count(*) INTO product_count FROM inventory.products;
  IF orders > 0 AND least(customer_count, product_count) = 0 THEN
    RAISE EXCEPTION 'inventory_generate: orders need customers and products';
  END IF;

  -- Numbers of rows in place of ids: ids may have holes. The factors are primes, so that all are met in turn.
  INSERT INTO inventory.orders (order_date, purchaser, quantity, product_id)
  SELECT coalesce(dates[i], date '2016-01-01' + i % 3650), c.id, coalesce(integers[i], 1 + i % 100), p.id
    FROM generate_series(1, orders) AS i
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM inventory.customers) AS c ON c.n = i * 7919::bigint % customer_count
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM inventory.products) AS p ON p.n = i * 104729::bigint % product_count
   ORDER BY i;

  ANALYZE inventory.customers, inventory.products, inventory.products_on_hand, inventory.orders;
  RETURN customers + orders + products * 2::bigint;
END $$;
