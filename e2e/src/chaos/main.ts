import { parseArgs } from 'node:util';
import type { FailpointName } from '@elstream/core';
import { SeededRandom, startOwnServer, type OwnServer } from '@elstream/testing';
import { runMain, say } from '../command-line';
import { FAILPOINTS } from '../crash/child-settings';
import { CrashWorld } from '../crash/crash-world';
import { kafkaChaos } from './kafka';

/** Deaths and disturbances between two comparisons. */
const STEPS_PER_WORLD = 40;

const BATCHES = FAILPOINTS.filter((f) => f.startsWith('batch:'));
const CHUNKS = FAILPOINTS.filter((f) => f.startsWith('chunk:'));

interface Servers {
  readonly source: OwnServer;
  readonly warehouse: OwnServer;
}

/** What happened, over all worlds. */
class Tally {
  private readonly kills = new Map<FailpointName, number>();
  private readonly others = new Map<string, number>();

  add(world: CrashWorld): void {
    for (const [name, n] of world.kills) this.kills.set(name, (this.kills.get(name) ?? 0) + n);
    for (const n of world.stops.values()) this.other('stopped and gone on', n);
  }

  other(what: string, n = 1): void {
    this.others.set(what, (this.others.get(what) ?? 0) + n);
  }

  lines(): string[] {
    const width = Math.max(...FAILPOINTS.map((name) => name.length));
    return [...FAILPOINTS.map((name) => `  ${name.padEnd(width)}  ${String(this.kills.get(name) ?? 0)}`), ...[...this.others].map(([what, n]) => `  ${what}: ${String(n)}`)];
  }

  get total(): number {
    return [...this.kills.values()].reduce((a, b) => a + b, 0);
  }
}

/**
 * The crash suite without an end: processes die at random failpoints, stop and go on, both servers are restarted, while
 * a writer works; every so often both sides and both event counts are compared. The order of deaths follows from the
 * seed; what happens beside them is up to the machine.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: String(Date.now()) }, kafka: { type: 'boolean', default: false } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) {
    say(`--minutes ${values.minutes} is no number above 0`);
    return 2;
  }
  const endAt = Date.now() + minutes * 60_000;
  say(`chaos for ${String(minutes)} minutes, seed ${values.seed}${values.kafka ? ', by way of Kafka' : ''}`);
  if (values.kafka) return kafkaChaos({ minutes, seed: values.seed });
  const servers = { source: await startOwnServer(), warehouse: await startOwnServer() };
  const tally = new Tally();
  let failure: unknown = null;
  let worlds = 0;
  try {
    do {
      worlds += 1;
      await oneWorld(servers, new SeededRandom(`${values.seed}/${String(worlds)}`), { tally, endAt });
    } while (Date.now() < endAt);
  } catch (error) {
    failure = error;
  } finally {
    await Promise.all([servers.source.stop(), servers.warehouse.stop()]);
  }
  say(`kills per failpoint:\n${tally.lines().join('\n')}`);
  if (failure === null) {
    say(`chaos: ok, ${String(tally.total)} kills in ${String(worlds)} worlds, nothing lost, nothing doubled, seed ${values.seed}`);
    return 0;
  }
  say(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure));
  say(`chaos: FAILED in world ${String(worlds)} after ${String(tally.total)} kills, seed ${values.seed}`);
  return 1;
}

async function oneWorld(servers: Servers, random: SeededRandom, { tally, endAt }: { readonly tally: Tally; readonly endAt: number }): Promise<void> {
  await using world = await CrashWorld.open({ random: random.fork('world'), ...servers, report: (line) => say(`  ${line}`) });
  try {
    // Every failpoint comes up, in random order, before any does again.
    let due: FailpointName[] = [];
    for (let step = 0; step < STEPS_PER_WORLD && Date.now() < endAt; step += 1) {
      const die = random.next();
      if (die < 0.12) await stop(world, random);
      else if (die < 0.22) await restart(world, servers, { random, tally });
      else {
        if (due.length === 0) due = random.shuffle(FAILPOINTS);
        const failpoint = due.pop() ?? 'batch:taken';
        await world.killAt(failpoint, failpoint.startsWith('preload:') ? 1 : random.int(1, 5));
      }
    }
    const verdict = await world.settle();
    say(`equal: ${String(verdict.rows)} rows, ${String(verdict.eventsApplied)} events of ${String(verdict.transactions)} transactions, ${String(verdict.runs)} runs`);
  } finally {
    tally.add(world);
  }
}

/** The processes beside a stopped one die before they need the locks it may hold. */
async function stop(world: CrashWorld, random: SeededRandom): Promise<void> {
  if (random.chance(0.5)) await world.stopAt(random.pick(BATCHES), ['chunk:staged', random.pick(BATCHES)]);
  else await world.stopAt(random.pick(CHUNKS), ['batch:staged', random.pick(CHUNKS)]);
}

async function restart(world: CrashWorld, servers: Servers, { random, tally }: { readonly random: SeededRandom; readonly tally: Tally }): Promise<void> {
  const side = random.pick(['source', 'warehouse'] as const);
  await world.disturb(`${side} restarted`, () => servers[side].restart());
  tally.other(`${side} restarted`);
}

runMain(main);
