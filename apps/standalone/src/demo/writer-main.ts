/**
 * The writer: a process of its own that changes the source over its own connections until its parent says stop (or is
 * gone). It knows nothing of the product. Messages: see `WriterOrder`, `WriterReport`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import * as op from './writer-operations';

export type WriterOrder = 'calm' | 'stop';
export type WriterReport =
  | { readonly is: 'writing' }
  | { readonly is: 'ended'; readonly committed: number; readonly rolledBack: number; readonly conflicts: number }
  | { readonly is: 'failed'; readonly error: string };

const SESSIONS = 3;
/** Pause after a transaction, milliseconds: a source at its limit while it is copied, later a calm one. */
const PAUSE_MS = { busy: 0, calm: 150 };
/** How long the lasting transactions stay open. */
const LASTING_MS = 1_000;
/** Two writers in each other's way: rolled back by the server, as in life. */
const CONFLICTS = new Set(['40P01', '40001', '23505', '23503', '55P03']);

type Transaction = (hand: op.Hand) => Promise<unknown>;

/** Several statements, one of them taken back to a savepoint. */
async function several(hand: op.Hand): Promise<void> {
  await op.updateOrders(hand);
  await op.insertOrders(hand);
  await hand.client.query('SAVEPOINT s');
  await op.deleteOrders(hand);
  await op.moveOrdersToEnd(hand);
  await hand.client.query('ROLLBACK TO SAVEPOINT s');
  await op.moveOrdersToBeginning(hand);
  await op.updateCustomers(hand);
  await op.stockProducts(hand);
}

/** Open for a while: a preload has to wait for it, or it would miss what commits late. */
async function lasting(hand: op.Hand): Promise<void> {
  await op.redateOrders(hand);
  await sleep(LASTING_MS);
  await op.insertCustomers(hand);
}

class RollBack extends Error {}

async function rolledBack(hand: op.Hand): Promise<void> {
  await op.deleteOrders(hand);
  await op.updateCustomers(hand);
  await op.insertOrders(hand);
  throw new RollBack();
}

/** In the order they come; each session begins elsewhere in it. */
const TRANSACTIONS: readonly Transaction[] = [
  op.updateOrders, op.insertOrders, several, op.moveOrdersToEnd, op.updateCustomers, op.stockProducts, op.updateOrders, op.deleteOrders, op.moveCustomers,
  several, op.insertOrders, op.updateProducts, op.swapOrders, op.moveProducts, op.updateOrders, rolledBack, op.replaceOrders, op.insertCustomers, several,
  op.moveOrdersToBeginning, op.deleteCustomers, op.redateOrders, op.insertProducts, op.updateOrders,
];

const tally = { committed: 0, rolledBack: 0, conflicts: 0 };
let stopping = false;
let pauseMs = PAUSE_MS.busy;

/** The last session keeps a lasting transaction open all the time, the others take turns. */
async function session(client: Client, ground: op.Ground, offset: number): Promise<void> {
  for (let n = offset; !stopping; n += SESSIONS + 1) {
    const turn = Math.floor(n / (SESSIONS + 1)) + offset * 8;
    const work = offset === SESSIONS ? lasting : (TRANSACTIONS[turn % TRANSACTIONS.length] ?? op.updateOrders);
    await client.query('BEGIN');
    try {
      await work({ client, ground, n });
      await client.query('COMMIT');
      tally.committed += 1;
    } catch (error) {
      await client.query('ROLLBACK');
      if (error instanceof RollBack) tally.rolledBack += 1;
      else if (CONFLICTS.has((error as { code?: string }).code ?? '')) tally.conflicts += 1;
      else throw error;
    }
    await sleep(pauseMs);
  }
}

async function write(url: string): Promise<void> {
  const clients = Array.from({ length: SESSIONS + 1 }, () => new Client({ connectionString: url, application_name: 'elstream demo writer' }));
  await Promise.all(clients.map((client) => client.connect()));
  const [first] = clients;
  if (first === undefined) return;
  const ground = await op.surveyGround(first);
  report({ is: 'writing' });
  await Promise.all(clients.map((client, i) => session(client, ground, i)));
  await Promise.all(clients.map((client) => client.end()));
}

function report(message: WriterReport): void {
  process.send?.(message);
}

// Ctrl-C reaches the whole group: the parent decides.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
process.on('message', (order: WriterOrder) => {
  if (order === 'stop') stopping = true;
  else pauseMs = PAUSE_MS.calm;
});

void write(process.env['SOURCE_URL'] ?? '').then(
  () => {
    report({ is: 'ended', ...tally });
    process.disconnect();
    process.exitCode = 0;
  },
  (error: unknown) => {
    report({ is: 'failed', error: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  },
);
