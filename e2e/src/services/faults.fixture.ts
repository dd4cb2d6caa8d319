import { setTimeout as sleep } from 'node:timers/promises';
import type { Replica, ServiceName } from './fleet.fixture';
import { ask, EventListener } from './rest.fixture';
import type { HeldTask, ServicesWorld } from './services-world.fixture';

/** Whom a fault is to meet, at work: a worker with a claimed task (of a chunk, if copying), the streamer that applies, the gateway that leads, one that does not. */
export type Victim = 'preloader' | 'copying preloader' | 'validator' | 'active streamer' | 'leading gateway' | 'other gateway';

/** A replica that stands still in the middle of its work. */
interface Caught {
  readonly replica: Replica;
  /** What it was at, for the report. */
  readonly work: string;
  /** After SIGKILL: whether it really was at work. Otherwise the fault does not count. */
  proven(): Promise<boolean>;
  /** Resolves when others do what it did. */
  takenOver(): Promise<void>;
  /** Once it is there again: started, or going on. */
  afterwards?(): Promise<void>;
}

/** Others have to take over within so many leases: one for the silence, the rest for a machine under load. */
const LEASES = 20;

/** SIGKILL of a victim that is caught at work; the others take over; it is started again. Returns what it was at. */
export async function killAtWork(world: ServicesWorld, victim: Victim): Promise<string> {
  for (;;) {
    const caught = await catchAtWork(world, victim);
    // Stopped first, so that what it is at cannot change between the look and the blow.
    await caught.replica.kill();
    const proven = await caught.proven();
    if (proven) await caught.takenOver();
    caught.replica.start();
    await caught.replica.ready({ unlessFails: world.fleet.failed });
    if (!proven) continue;
    await caught.afterwards?.();
    return caught.work;
  }
}

/** SIGSTOP of a victim that is caught at work, until the others have taken over; then it goes on beside them and must stay usable. */
export async function stopAtWork(world: ServicesWorld, victim: Victim): Promise<string> {
  const caught = await catchAtWork(world, victim);
  await caught.takenOver();
  caught.replica.resume();
  await caught.replica.ready({ unlessFails: world.fleet.failed });
  await caught.afterwards?.();
  return caught.work;
}

async function catchAtWork(world: ServicesWorld, victim: Victim): Promise<Caught> {
  switch (victim) {
    case 'preloader':
    case 'validator':
      return catchWorker(world, victim);
    case 'copying preloader':
      return catchWorker(world, 'preloader', 'preload-chunk');
    case 'active streamer':
      return catchStreamer(world);
    case 'leading gateway':
      return catchLeader(world);
    case 'other gateway':
      return catchGateway(world);
  }
  return victim satisfies never;
}

async function catchWorker(world: ServicesWorld, service: ServiceName, kind?: string): Promise<Caught> {
  const tasksOf = async (replica: Replica): Promise<readonly HeldTask[]> => (await world.held(replica)).filter((task) => kind === undefined || task.kind === kind);
  return world.until(
    `a ${service} with a claimed task`,
    async () => {
      for (const replica of world.fleet.of(service).filter((r) => r.awake)) {
        if ((await tasksOf(replica)).length === 0) continue;
        replica.suspend();
        // What it sent before it stopped may still be carried out by the database.
        await sleep(100);
        const held = await tasksOf(replica);
        if (held.length > 0) {
          const ids = held.map((task) => task.id);
          const still = async (): Promise<number> => {
            const [row] = await world.look<{ n: number }>(
              `SELECT count(*)::int AS n FROM elstream.task t JOIN unnest($1::uuid[], $2::int[]) AS h(id, attempt) ON h.id = t.id WHERE t.state = 'running' AND t.attempt = h.attempt`,
              [ids, held.map((task) => task.attempt)],
            );
            return row?.n ?? 0;
          };
          const done = async (): Promise<void> => {
            await world.until(`the tasks of ${replica.name} being done`, () => areDone(world, ids));
          };
          return {
            replica,
            work: `${replica.name} at ${held.map((task) => task.kind).join(', ')}`,
            proven: async () => (await still()) > 0,
            takenOver: async () => {
              await world.until(`the tasks of ${replica.name} being freed`, async () => (await still()) === 0, soon(world));
              if (world.fleet.of(service).length > 1) await done();
            },
            // By itself, where it is the only one.
            afterwards: done,
          };
        }
        replica.resume();
      }
      return false;
    },
    { intervalMs: 5 },
  );
}

/** Done by somebody, or of a run that has ended. */
async function areDone(world: ServicesWorld, ids: readonly string[]): Promise<boolean> {
  return (await world.look(`SELECT 1 FROM elstream.task WHERE id = ANY ($1::uuid[]) AND state IN ('pending', 'running')`, [ids])).length === 0;
}

async function catchStreamer(world: ServicesWorld): Promise<Caught> {
  world.hurry();
  const replica = await world.activeStreamer();
  const feeding = await world.until('the slot being in use', async () => (await world.walsender()) ?? false);
  replica.suspend();
  const gone = async (): Promise<boolean> => (await world.walsender()) !== feeding;
  const takenOver = async (): Promise<void> => {
    await world.until(`the slot of ${replica.name} being free`, gone, soon(world));
    await world.until('another streamer reading', async () => (await world.walsender()) !== null, soon(world));
    await world.streamGoesOn();
  };
  return {
    replica,
    work: `${replica.name}, fed by process ${String(feeding)}`,
    // Nobody else was touched: that the connection ends shows whose it was.
    proven: () => world.until('its connection to the slot ending', gone, { timeoutMs: 5_000 }).catch(() => false),
    takenOver,
  };
}

async function catchLeader(world: ServicesWorld): Promise<Caught> {
  const replica = await world.until('a gateway leading', async () => {
    const leader = await world.leader();
    if (leader?.awake !== true) throw new Error('nobody leads');
    leader.suspend();
    if ((await world.leader()) === leader) return leader;
    leader.resume();
    throw new Error('the lead went over just then');
  });
  const pid = replica.pid;
  return {
    replica,
    work: `${replica.name}, leading`,
    // Nobody gives up a lead that he has while he is stopped.
    proven: () => Promise.resolve(true),
    takenOver: async () => {
      await world.until('another gateway leading', async () => {
        const leader = await world.leader();
        return leader !== null && leader.pid !== pid;
      }, soon(world));
      await progress(world);
    },
  };
}

/** Its work is a listener to the active run: one that has heard something. */
async function catchGateway(world: ServicesWorld): Promise<Caught> {
  const caught = await world.until('a gateway that does not lead telling of a run', async () => {
    const leader = await world.leader();
    const replica = world.fleet.of('gateway').find((gateway) => gateway.awake && gateway.address !== null && leader !== null && gateway !== leader);
    if (replica === undefined) throw new Error('no gateway but the leading one');
    const { activeRunId } = await world.pipeline(replica);
    if (activeRunId === null) throw new Error('no run is active');
    const listener = new EventListener(replica, activeRunId);
    await world.until('the first event', () => listener.ids.length > 0, { timeoutMs: 5_000 });
    replica.suspend();
    if (listener.events.at(-1) !== 'end') return { replica, listener, runId: activeRunId };
    replica.resume();
    throw new Error('the run ended just then');
  });
  const { replica, listener, runId } = caught;
  const { lives } = replica;
  return {
    replica,
    work: `${replica.name} telling of a run`,
    proven: async () => (await listener.ended) === 'broken',
    takenOver: async () => {
      // A listener that comes back, to another gateway, after what it saw, misses nothing and hears nothing twice.
      const other = await world.until('another gateway', () => world.fleet.of('gateway').find((gateway) => gateway.awake && gateway.address !== null) ?? false);
      const before = [...listener.ids];
      const again = new EventListener(other, runId, before.at(-1));
      await world.until('the run telling its end elsewhere', async () => {
        await again.ended;
        return true;
      });
      const all = await ask<readonly { readonly id: number }[]>(other, 'GET', `/runs/${runId}/events?limit=1000`);
      const heard = [...before, ...again.ids];
      if (JSON.stringify(all.map((event) => event.id)) !== JSON.stringify(heard)) throw new Error(`of ${String(all.length)} events ${String(heard.length)} were heard: ${heard.join()}`);
    },
    // Its own stream goes on where it stood still.
    afterwards: async () => {
      if ((await listener.ended) === 'broken' && replica.lives === lives) throw new Error(`${replica.name} went on, but not with telling of the run`);
    },
  };
}

function soon(world: ServicesWorld): { readonly timeoutMs: number } {
  return { timeoutMs: LEASES * world.leaseMs };
}

/** Tasks go on being done. */
async function progress(world: ServicesWorld): Promise<void> {
  const done = async (): Promise<number> => {
    const [row] = await world.look<{ n: number }>(`SELECT count(*)::int AS n FROM elstream.task WHERE state = 'done'`);
    return row?.n ?? 0;
  };
  const before = await done();
  await world.until('tasks being done', async () => (await done()) > before);
}
