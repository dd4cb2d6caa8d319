import { at } from './layout';
import { applyBatch } from './warehouse';
import { showRows, type World } from './world';

/** Whether batches of the partition are applied: never before the start offsets are fixed (R4), never across a hole. */
export function canStream(w: World, partition: number): boolean {
  const { s, f, config } = w;
  if (at(s, f.logStart + partition) > at(s, f.nextOffset + partition)) return false;
  return config.start === 'live' || at(s, f.live) !== 0 || at(s, f.epoch) > 1 || at(s, f.phase) >= (config.earlyStream ? 1 : 2) || !config.streamFromL0;
}

export function streamerSteps(w: World): void {
  if (w.config.streamers === 0) forEachBatch(w, (partition, count) => applyAtOnce(w, partition, count));
  for (let z = 0; z < w.config.streamers; z++) streamerStep(w, z);
}

function forEachBatch(w: World, use: (partition: number, count: number) => void): void {
  const { s, f, config } = w;
  for (let p = 0; p < config.partitions; p++) {
    if (!canStream(w, p)) continue;
    for (const count of config.batch) if (at(s, f.nextOffset + p) + count <= at(s, f.logLength + p)) use(p, count);
  }
}

function applyAtOnce(w: World, partition: number, count: number): void {
  const { s, c, f } = w;
  const from = at(s, f.nextOffset + partition);
  const epoch = at(s, f.epoch);
  w.begin();
  if (!applyBatch(w, { partition, from, count, epoch })) return;
  w.go(() => `streamer applies partition ${partition} offsets ${from}..${from + count - 1} (epoch ${epoch}): ${showRows(w, c)}`);
}

/** A streamer that takes a batch, and later commits it if the checkpoint is where it took it from (R2). */
function streamerStep(w: World, z: number): void {
  const { s, c, f, config } = w;
  const epoch = at(s, f.epoch);
  const partition = at(s, f.streamerPartition + z) - 1;
  if (partition >= 0) {
    commitTaken(w, z, partition);
    return;
  }
  if (config.epochRead === 'by process' && at(s, f.streamerEpoch + z) !== epoch) {
    w.begin();
    c[f.streamerEpoch + z] = epoch;
    w.go(() => `streamer ${z} learns epoch ${epoch}`);
  }
  forEachBatch(w, (p, count) => {
    const from = at(s, f.nextOffset + p);
    w.begin();
    c[f.streamerPartition + z] = p + 1;
    c[f.streamerFrom + z] = from;
    c[f.streamerCount + z] = count;
    if (config.epochRead !== 'by process') c[f.streamerEpoch + z] = config.epochRead === 'with the batch' ? epoch : 0;
    w.go(() => `streamer ${z} takes partition ${p} offsets ${from}..${from + count - 1}${config.epochRead === 'with the batch' ? ` and remembers epoch ${epoch}` : ''}`);
  });
}

function commitTaken(w: World, z: number, partition: number): void {
  const { s, c, f, config } = w;
  const from = at(s, f.streamerFrom + z);
  const count = at(s, f.streamerCount + z);
  const drop = (): void => {
    w.begin();
    c[f.streamerPartition + z] = c[f.streamerFrom + z] = c[f.streamerCount + z] = 0;
    if (config.epochRead !== 'by process') c[f.streamerEpoch + z] = 0;
  };
  drop();
  w.go(() => `streamer ${z} crashes with its batch in hand`);
  if (config.checkpointCondition && at(s, f.nextOffset + partition) !== from) return;
  drop();
  const epoch = config.epochRead === 'in transaction' ? at(s, f.epoch) : at(s, f.streamerEpoch + z);
  if (!applyBatch(w, { partition, from, count, epoch })) return;
  w.go(() => `streamer ${z} commits partition ${partition} offsets ${from}..${from + count - 1}: ${showRows(w, c)}`);
}
