import { setTimeout as sleep } from 'node:timers/promises';
import type { FailpointName } from '@elstream/core';
import { startConnect, startKafkaServer, type ConnectServer, type KafkaServer } from '@elstream/servers';
import { eventually, SeededRandom } from '@elstream/testing';
import { say } from '../command-line';
import { FAILPOINTS } from '../crash/child-settings';
import { KafkaWorld, SESSION_MS } from '../kafka/kafka-world';

/** Disturbances between two comparisons. */
const STEPS_PER_ROUND = 15;
const STREAMERS = 2;
/** Fewer kills in half an hour show nothing: something stood still. */
const KILLS = { least: 40, inMinutes: 30 };
/** How long the stream may take to go on after a disturbance, beside everything else on the machine. */
const PATIENCE_MS = 300_000;

/** Inside the applying of a batch: behind it an ambush does not know whether there was one. */
const BATCHES = FAILPOINTS.filter((name) => name.startsWith('batch:') && name !== 'batch:after-commit-before-acknowledge');

type Part = 'streamer killed' | 'streamer stopped beyond its session and continued' | 'streamer ended' | 'Connect killed' | 'broker killed';

/**
 * Chaos by way of Kafka: streamers die at random failpoints, sleep beyond their session and go on as zombies, Connect and
 * the broker are killed, while a writer with a record works; every so often rows, history and counts of applied events are
 * compared with it.
 */
export async function kafkaChaos({ minutes, seed }: { readonly minutes: number; readonly seed: string }): Promise<number> {
  const endAt = Date.now() + minutes * 60_000;
  const parts = new Map<Part, number>();
  let failure: unknown = null;
  let summary = '';
  try {
    const broker = await startKafkaServer();
    try {
      const connect = await startConnect({ brokers: broker.brokers });
      try {
        summary = await new Chaos({ broker, connect }, new SeededRandom(seed), parts).run(endAt, seed);
      } finally {
        await connect.stop();
      }
    } finally {
      await broker.stop();
    }
  } catch (error) {
    failure = error;
  }
  for (const [part, n] of parts) say(`  ${part}: ${String(n)}`);
  const countOf = (counts: (part: Part) => boolean): number => [...parts].reduce((sum, [part, n]) => sum + (counts(part) ? n : 0), 0);
  const [total, kills] = [countOf(() => true), countOf((part) => part.endsWith(' killed'))];
  if (failure === null && minutes >= KILLS.inMinutes && kills < KILLS.least) failure = new Error(`${String(kills)} kills are too few: something stood still, or the machine is too slow for ${String(minutes)} minutes`);
  if (failure === null) {
    say(`chaos: ok, ${String(total)} disturbances (${String(kills)} kills), differences 0, ${summary}, seed ${seed}`);
    return 0;
  }
  say(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure));
  say(`chaos: FAILED after ${String(total)} disturbances, seed ${seed}`);
  return 1;
}

class Chaos {
  constructor(
    private readonly servers: { readonly broker: KafkaServer; readonly connect: ConnectServer },
    private readonly random: SeededRandom,
    private readonly parts: Map<Part, number>,
  ) {}

  /** @returns what was compared, in words */
  async run(endAt: number, seed: string): Promise<string> {
    const { broker, connect } = this.servers;
    await using world = await KafkaWorld.live(STREAMERS, { kafka: { brokers: broker.brokers, connectUrl: connect.url }, seed });
    let comparisons = 0;
    for (;;) {
      world.writer.start();
      for (let step = 0; step < STEPS_PER_ROUND && Date.now() < endAt; step += 1) {
        await this.disturb(world);
        await goesOn(world);
      }
      await world.writer.rest();
      await world.healed();
      const { rows, leftOut, reloads } = await world.expectExact();
      comparisons += 1;
      const found = `${String(rows)} rows equal after ${String(world.writer.transactions)} transactions, ${String(comparisons)} comparisons; Debezium left ${String(leftOut)} events out, ${String(reloads)} tables were preloaded again`;
      say(`  ${found}`);
      if (Date.now() >= endAt) return found;
    }
  }

  private async disturb(world: KafkaWorld): Promise<void> {
    const { random, servers } = this;
    const living = world.processes.filter((streamer) => streamer.alive);
    const victim = random.pick(living);
    const die = random.next();
    if (die < 0.5) {
      // Beside a kill of Connect or of the broker there may be no batch for it to die in.
      const place = random.pick(BATCHES) as FailpointName;
      await victim.ambush(place, 'SIGKILL');
      await victim.struck(place, { timeoutMs: PATIENCE_MS });
      // The note is on disk before it dies: it must not be picked once more.
      await victim.ended;
      world.streamer();
      this.count('streamer killed');
    } else if (die < 0.6) {
      victim.suspend();
      await sleep(SESSION_MS * 1.5);
      victim.resume();
      this.count('streamer stopped beyond its session and continued');
    } else if (die < 0.65) {
      await victim.stop();
      world.streamer();
      this.count('streamer ended');
    } else {
      const which = die < 0.85 ? 'connect' : 'broker';
      await servers[which].kill();
      await servers[which].restart();
      this.count(which === 'connect' ? 'Connect killed' : 'broker killed');
    }
  }

  private count(part: Part): void {
    say(`  ${new Date().toISOString().slice(11, 19)} ${part}`);
    this.parts.set(part, (this.parts.get(part) ?? 0) + 1);
  }
}

async function goesOn(world: KafkaWorld): Promise<void> {
  const { doc } = await world.eventsSince();
  await eventually(async () => (await world.eventsSince()).doc > doc + 20, { timeoutMs: PATIENCE_MS, describe: 'the stream going on' });
}
