import type { DeadLetter } from '@elstream/control';
import { CAPTURE_RESUMED, describeKey, keyIdentity, type TableMapping } from '@elstream/core';
import { mend, reasonOf, type Mend, type Mended, type Repaired, type Which } from './mend';
import type { TaskContext } from './task-context';

type Key = readonly string[];

/** A dead letter that can be replayed: its row is read again, at its key and at the one it moved from. */
interface Replay {
  readonly id: string;
  readonly key: Key;
  /** Mended before, without settling. */
  readonly from: Key | null;
  readonly which: Which;
}

/**
 * R7: a dead letter is replayed as a repair of its keys; its image is never written. It is settled in the transaction that
 * mends its key; what cannot be mended stays parked with a note. Letters of one key are replayed one after the other, as
 * each repair is judged by what the one before it left.
 */
export async function replayDeadLetters(context: TaskContext, mapping: TableMapping, ids: readonly string[]): Promise<Repaired> {
  const counts = { repaired: 0, deleted: 0, unchanged: 0, moved: 0, failed: 0 };
  const refused: { key: string; reason: string }[] = [];
  const refuse = async (id: string, key: string, reason: string): Promise<void> => {
    refused.push({ key, reason });
    await context.deps.store.noteReplay(id, reason);
  };
  const replays: Replay[] = [];
  for (const id of ids) {
    context.moved();
    const letter = await context.deps.store.readDeadLetter(id);
    if (letter === null || letter.state !== 'parked') {
      refused.push({ key: `dead letter ${id}`, reason: letter === null ? 'there is none of that number' : `it is ${letter.state} already` });
      continue;
    }
    const replay = replayOf(mapping, letter);
    if (typeof replay === 'string') await refuse(id, `dead letter ${id}`, replay);
    else replays.push(replay);
  }
  for (const together of inRounds(mapping, replays)) {
    const outcomes = await replayRound(context, mapping, together);
    for (const [i, { id, key }] of together.entries()) {
      const outcome = outcomes[i] ?? { is: 'moved' };
      counts[outcome.is === 'written' ? 'repaired' : outcome.is] += 1;
      const reason = reasonOf(outcome);
      if (reason !== null) await refuse(id, describeKey(mapping, key), reason);
    }
  }
  return { ...counts, failed: refused.length - counts.moved, refused };
}

/** Why it cannot be replayed, as a sentence with the remedy. */
function replayOf(mapping: TableMapping, { id, table, key, oldKey, code }: DeadLetter): Replay | string {
  if (table !== mapping.id) return `it is one of table ${table}; replay it there`;
  if (key === null) return 'its key is not known, so there is no row to read again; validate the table and discard it';
  const from = oldKey !== null && keyIdentity(mapping, oldKey) !== keyIdentity(mapping, key) ? oldKey : null;
  // That its row was inserted is all that is in doubt.
  return { id, key, from, which: code === CAPTURE_RESUMED ? 'missing' : 'all' };
}

/** In each round every key occurs once. */
function inRounds(mapping: TableMapping, replays: readonly Replay[]): Replay[][] {
  const rounds: Replay[][] = [];
  const lastOf = new Map<string, number>();
  for (const replay of replays) {
    const names = [replay.key, ...(replay.from === null ? [] : [replay.from])].map((key) => keyIdentity(mapping, key));
    const at = Math.max(...names.map((name) => (lastOf.get(name) ?? -1) + 1));
    for (const name of names) lastOf.set(name, at);
    (rounds[at] ??= []).push(replay);
  }
  return rounds;
}

/** The keys that rows moved away from first: only when they are right the letter is settled with its key. */
async function replayRound(context: TaskContext, mapping: TableMapping, together: readonly Replay[]): Promise<Mended[]> {
  const moves = together.filter(({ from }) => from !== null);
  const left = await mend(context, mapping, moves.map(({ from }): Mend => ({ key: from ?? [] })));
  const stuck = new Map<string, Mended>();
  moves.forEach(({ id }, i) => {
    const outcome = left[i];
    if (outcome !== undefined && (outcome.is === 'moved' || outcome.is === 'failed')) stuck.set(id, outcome);
  });
  const ready = together.filter(({ id }) => !stuck.has(id));
  const byId = new Map<string, Mended>();
  for (const which of ['all', 'missing'] as const) {
    const some = ready.filter((replay) => replay.which === which);
    const mended = await mend(context, mapping, some.map(({ id, key }): Mend => ({ key, settles: id })), which);
    some.forEach(({ id }, i) => byId.set(id, mended[i] ?? { is: 'moved' }));
  }
  return together.map(({ id }) => stuck.get(id) ?? byId.get(id) ?? { is: 'moved' });
}
