import { type Checkpoint, type Clock } from '@elstream/core';
import { type KafkaClient } from './client';
import { offsetOf } from './partition-gaps';
import { type Ends } from './progress';
import { parsePartition } from './topics';

/** Many ask, each every few seconds, and a loaded stream is always a little behind. */
const LOOK_MS = 30_000;
/** Of the retention, in tenths: told from the first on. Whole ones, so that what is said changes seldom. */
const USED = [5, 6, 7, 8, 9, 10] as const;

interface Short {
  readonly topic: string;
  readonly partition: number;
  readonly retentionMs: number;
  /** Tenths of the retention that have passed, at least. */
  readonly used: number;
}

/**
 * R14: topics keep events for a time, not until they are applied. A word, with the remedy, once more than half of it has
 * passed for one that is not applied yet. No record is read: an offset below the first one stamped at or after a time is older.
 */
export class TopicBudget {
  private said: { readonly at: number; readonly trouble: string | null } | null = null;

  constructor(
    private readonly client: () => Promise<KafkaClient>,
    private readonly clock: Clock,
  ) {}

  async trouble(checkpoints: readonly Checkpoint[], ends: Ends): Promise<string | null> {
    const now = this.clock();
    if (this.said === null || now - this.said.at >= LOOK_MS) this.said = { at: now, trouble: describe(await this.short(behind(checkpoints, ends), now)) };
    return this.said.trouble;
  }

  private async short(topics: ReadonlyMap<string, ReadonlyMap<number, bigint>>, now: number): Promise<readonly Short[]> {
    const client = await this.client();
    const found: Short[] = [];
    for (const [topic, settings] of await client.configs([...topics.keys()])) {
      const retentionMs = Number(settings.get('retention.ms') ?? '-1');
      let worst: Short | null = null;
      for (const used of USED) {
        const time = Math.floor(now - (retentionMs * used) / 10);
        // Endless, or as good as: and times below zero have another meaning in the protocol.
        if (retentionMs < 0 || time <= 0) break;
        const firsts = await client.offsetsAt(topic, time);
        const older = [...(topics.get(topic) ?? [])].find(([partition, next]) => next < (firsts.get(partition) ?? 0n));
        if (older === undefined) break;
        worst = { topic, partition: older[0], retentionMs, used };
      }
      if (worst !== null) found.push(worst);
    }
    return found;
  }
}

/** By topic and partition the offset that is wanted next, where the log has it or one behind it; what is gone is told as a gap. */
function behind(checkpoints: readonly Checkpoint[], ends: Ends): ReadonlyMap<string, ReadonlyMap<number, bigint>> {
  const wanted = new Map<string, Map<number, bigint>>();
  for (const checkpoint of checkpoints) {
    const at = parsePartition(checkpoint.partition);
    const next = at === null ? 0n : offsetOf(checkpoint.next);
    const range = at === null ? undefined : ends.get(at.topic)?.find(({ partition }) => partition === at.partition);
    if (at === null || range === undefined || next < range.first || next >= range.end) continue;
    wanted.set(at.topic, (wanted.get(at.topic) ?? new Map<number, bigint>()).set(at.partition, next));
  }
  return wanted;
}

function describe(found: readonly Short[]): string | null {
  const left = ({ retentionMs, used }: Short): number => (retentionMs * (10 - used)) / 10;
  const [first, ...others] = [...found].sort((a, b) => left(a) - left(b));
  if (first === undefined) return null;
  const { topic, partition, retentionMs, used } = first;
  const more = others.length === 0 ? '' : `, and so it is with ${String(others.length)} more topics`;
  const rest = left(first) === 0 ? 'they may be gone any moment' : `at most ${spelled(left(first), Math.ceil)} are left`;
  return (
    `events of the topic ${topic} (partition ${String(partition)}) that are not applied yet are more than ${spelled((retentionMs * used) / 10, Math.floor)} old, and the topic keeps them for ${spelled(retentionMs, Math.floor)}: ${rest}${more}; ` +
    `resume the pipeline, see that a streamer runs and catches up, or have it kept longer: kafka-configs.sh --alter --topic ${topic} --add-config retention.ms=${String(retentionMs * 2)}`
  );
}

const UNITS = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
] as const;

function spelled(ms: number, round: (n: number) => number): string {
  const [name, size] = UNITS.find(([, of]) => ms >= 2 * of) ?? ['seconds', 1_000];
  return `${String(round(ms / size))} ${name}`;
}
