import { sleep } from '@elstream/core';
import { withClient } from '../embedded';
import { Writer } from './children';
import type { DemoContext } from './demo';
import { catchUp, endOfRun, healthy, PIPELINE, POLL_MS } from './follow';
import { type DifferenceLine, type Rest } from './rest';

/** What the second part has shown. */
export interface Healed {
  /** Damages that validation found, and nothing else. */
  readonly found: number;
  readonly repaired: number;
  readonly parked: number;
  readonly replayed: number;
}

interface Urls {
  readonly source: string;
  readonly warehouse: string;
}

type Damage = Pick<DifferenceLine, 'of' | 'kind'> & { readonly table: string; readonly key: string; readonly sql: string };

/** By hand, behind the product's back. `RETURNING` the key. */
const DAMAGES: readonly Omit<Damage, 'key'>[] = [
  { of: 'row', kind: 'missing', table: 'inventory.customers', sql: 'DELETE FROM inventory.customers WHERE id = (SELECT max(id) FROM inventory.customers) RETURNING id' },
  {
    of: 'row',
    kind: 'extra',
    table: 'inventory.orders',
    sql: `INSERT INTO inventory.orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', o.id + 1000000))).* FROM inventory.orders o WHERE id = (SELECT max(id) FROM inventory.orders) RETURNING id`,
  },
  { of: 'row', kind: 'unequal', table: 'inventory.products', sql: 'UPDATE inventory.products SET weight = weight + 0.001 WHERE id = 101 RETURNING id' },
  {
    of: 'history',
    kind: 'missing',
    table: 'inventory.customers',
    sql: 'DELETE FROM inventory.customers_archive WHERE ctid = (SELECT ctid FROM inventory.customers_archive ORDER BY valid_to LIMIT 1) RETURNING id',
  },
];
const COLUMN = 'segment';
const POISONED = 102;
/** What the warehouse is told to refuse, in the way somebody might have done it. */
const REFUSED = 'discontinued';
/** By way of Kafka on a busy machine; the limit of the whole demonstration stands above them. */
const SCHEMA_WAIT_MS = 180_000;
const LETTER_WAIT_MS = 120_000;

/** After both sides were found equal: damage and repair, a schema change under load, a poisonous event. Throws at what is not as it should be. */
export async function heal(rest: Rest, urls: Urls, context: DemoContext): Promise<Healed> {
  const mended = await damageAndRepair(rest, urls, context);
  await addColumn(rest, urls, context);
  const letters = await poison(rest, urls, context);
  const last = await validated(rest, context);
  if (last.differences.length + last.unverified > 0) throw new Error(`the last validation found ${inWords(last.differences) || `${String(last.unverified)} unverified rows`}`);
  context.out.step("elstream's own validation finds nothing more");
  return { ...mended, ...letters };
}

async function damageAndRepair(rest: Rest, urls: Urls, context: DemoContext): Promise<Pick<Healed, 'found' | 'repaired'>> {
  const { out } = context;
  const damages = await withClient(urls.warehouse, async (client) => {
    const done: Damage[] = [];
    for (const damage of DAMAGES) {
      const { rows } = await client.query<{ id: number }>(damage.sql);
      if (rows[0] === undefined) throw new Error(`nothing was damaged by: ${damage.sql}`);
      done.push({ ...damage, key: `id=${String(rows[0].id)}` });
    }
    return done;
  });
  out.step(`damaged the warehouse by hand: ${inWords(damages)}`);
  const before = await validated(rest, context);
  const expected = new Set(damages.map(oneLine));
  const found = before.differences.filter((d) => expected.has(oneLine(d))).length;
  if (found !== damages.length || before.differences.length !== damages.length) throw new Error(`validation found ${inWords(before.differences) || 'nothing'}, not exactly what was damaged`);
  out.step('validation has found exactly these');
  await endOfRun(rest, (await rest.repair(PIPELINE, before.runId)).id, context);
  const after = await validated(rest, context);
  out.step(`repaired; a further validation finds ${after.differences.length === 0 ? 'nothing' : inWords(after.differences)}`);
  return { found, repaired: found - after.differences.length };
}

async function validated(rest: Rest, context: DemoContext) {
  const { id } = await rest.startRun(PIPELINE, ['validate']);
  const { unverified } = await endOfRun(rest, id, context);
  return { runId: id, unverified, differences: await rest.differences(id) };
}

const oneLine = ({ of, kind, table, key }: Pick<DifferenceLine, 'of' | 'kind' | 'table' | 'key'>): string => `${kind} ${of === 'row' ? 'row' : 'version'} of ${table} ${key}`;
const inWords = (differences: readonly Pick<DifferenceLine, 'of' | 'kind' | 'table' | 'key'>[]): string => differences.map(oneLine).join(', ');

/** A column with a default, which emits no event for the rows that stand, while a writer writes. */
async function addColumn(rest: Rest, { source, warehouse }: Urls, { out, signal, cleanup }: DemoContext): Promise<void> {
  const writer = await Writer.start(source);
  cleanup.add(async () => writer.kill());
  writer.calm();
  await withClient(source, async (client) => {
    // Both in one transaction: the trigger copies whole rows into the archive.
    await client.query(`BEGIN; LOCK TABLE inventory.customers IN ACCESS EXCLUSIVE MODE; ALTER TABLE inventory.customers ADD COLUMN ${COLUMN} text NOT NULL DEFAULT 'retail'; ALTER TABLE inventory.customers_archive ADD COLUMN ${COLUMN} text; COMMIT`);
  });
  out.step(`added the column customers.${COLUMN} at the source, with a default, while the writer writes`);
  const until = performance.now() + SCHEMA_WAIT_MS;
  for (;;) {
    const changes = await rest.schemaChanges(PIPELINE);
    const { tables, activeRunId } = await healthy(rest);
    const table = tables.find((t) => t.table === 'inventory.customers');
    if (changes.some((c) => c.state === 'followed' && c.added.includes(COLUMN)) && table?.phase === 'live' && table.stale === null && activeRunId === null) break;
    if (performance.now() > until) throw new Error(`the new column did not arrive: customers is ${table?.phase ?? 'gone'}`);
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
  await writer.stop();
  await catchUp(rest, performance.now(), signal);
  const filled = await withClient(warehouse, async (client) => (await client.query<{ n: string }>(`SELECT count(*) AS n FROM inventory.customers WHERE ${COLUMN} = 'retail'`)).rows[0]?.n ?? '0');
  if (filled === '0') throw new Error(`the new column has no values in the warehouse`);
  out.step(`the column is in the warehouse, with its value in ${filled} rows that no event ever carried it for`);
}

/** A value that the warehouse refuses: parked, while everything else goes on; fixed, replayed. */
async function poison(rest: Rest, { source, warehouse }: Urls, context: DemoContext): Promise<Pick<Healed, 'parked' | 'replayed'>> {
  const { out, signal } = context;
  const atWarehouse = (sql: string): Promise<void> => withClient(warehouse, async (client) => void (await client.query(sql)));
  await atWarehouse(`ALTER TABLE inventory.products ADD CONSTRAINT still_sold CHECK (name <> '${REFUSED}')`);
  await withClient(source, async (client) => void (await client.query('UPDATE inventory.products SET name = $1 WHERE id = $2', [REFUSED, POISONED])));
  const until = performance.now() + LETTER_WAIT_MS;
  let letters = await rest.deadLetters(PIPELINE, 'parked');
  for (; letters.length === 0; letters = await rest.deadLetters(PIPELINE, 'parked')) {
    if (performance.now() > until) throw new Error('the poisonous event was not parked');
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
  const [letter] = letters;
  out.step(`an event that the warehouse refuses was parked: ${letter?.op ?? '?'} of ${letter?.table ?? '?'} ${letter?.key?.join() ?? '?'}: ${letter?.reason ?? '?'}`);
  await healthy(rest);
  await atWarehouse('ALTER TABLE inventory.products DROP CONSTRAINT still_sold');
  await endOfRun(rest, (await rest.replayAll(PIPELINE)).id, context);
  const replayed = (await rest.deadLetters(PIPELINE, 'replayed')).length;
  out.step(`the cause is removed and the event replayed`);
  return { parked: letters.length, replayed };
}
