import { ElstreamError, foldBatch, type FoldedBatch, type ParkedEvent, type RowEvent, type TableMapping } from '@elstream/core';
import type { BatchWrite } from '@elstream/warehouse';
import type { ApplyContext, TakenBatch } from './apply-batch';
import { eventsOf, findCulpritsOfGroup, findCulpritsTogether, findFailing, groupByKey, isParked, type Culprit, type EventGroup, type Trial } from './bisect';
import { codeOf, parkedEvent, stopAt } from './parked';
import { writeBatch } from './write-batch';

/** What a batch comes to once its culprits are out of it. */
export interface Narrowed {
  /** Of `accepted`, without the culprits. */
  readonly events: readonly RowEvent[];
  readonly parked: readonly ParkedEvent[];
}

export interface Narrowing {
  readonly context: ApplyContext;
  readonly taken: TakenBatch;
  /** As `acceptedEvents` gives them. */
  readonly accepted: readonly RowEvent[];
  /** The write of these events as a trial; what of it is folded is put in here. */
  readonly trialOf: (folded: Pick<FoldedBatch, 'tables'>) => BatchWrite;
}

/**
 * R7: finds the events of a refused batch that the warehouse cannot take, by trials: first the tables, then their keys
 * (keys that a moving row connects together), then the events of a culprit key. Where none fails by itself, the later of
 * those that fail together are at fault. More than the limit for one code and the rest of the table's events need not be
 * looked at: the warehouse stops the table with what is parked.
 *
 * @returns null if none is at fault
 * @throws ElstreamError policy `stop`: naming the first culprit
 */
export async function narrowDown(narrowing: Narrowing): Promise<Narrowed | null> {
  const { context, taken, accepted } = narrowing;
  const { name, settings } = context.pipeline;
  const { policy, limit } = settings.deadLetters;
  const order = new Map(accepted.map((event, i) => [event, i]));
  const trial = trialOf(narrowing, order);
  const byTable = new Map<string, EventGroup[]>();
  for (const group of groupByKey(accepted, taken.mappings)) {
    const known = byTable.get(group.table);
    if (known === undefined) byTable.set(group.table, [group]);
    else known.push(group);
  }
  const tables = [...byTable.values()];
  // The batch as a whole is known to fail, so a single table needs no trial.
  const failing = tables.length === 1 ? tables : await failingOf(tables, trial);
  const most = policy === 'stop' ? 0 : limit;
  const culprits: Culprit[] = [];
  for (const groups of failing) {
    culprits.push(...(await culpritsOf(groups, { order, trial, limit: most })));
    if (policy === 'stop' && culprits.length > 0) break;
  }
  // each table goes through by itself
  if (failing.length === 0) culprits.push(...(await culpritsTogether(tables.flat(), { order, trial, limit: most })));
  const out = new Set<RowEvent>();
  const parked: ParkedEvent[] = [];
  for (const culprit of culprits) {
    const mapping = taken.mappings.get(culprit.event.table);
    if (mapping === undefined) continue;
    if (policy === 'stop') throw stopAt({ pipeline: name, ...culprit }, mapping);
    out.add(culprit.event);
    parked.push(parkedEvent(culprit, mapping));
  }
  for (const table of byTable.keys()) {
    if (isTooMany(culprits.filter(({ event }) => event.table === table), limit)) for (const event of accepted) if (event.table === table) out.add(event);
  }
  return out.size === 0 ? null : { events: accepted.filter((event) => !out.has(event)), parked };
}

async function failingOf(tables: readonly (readonly EventGroup[])[], trial: Trial): Promise<(readonly EventGroup[])[]> {
  const failing: (readonly EventGroup[])[] = [];
  await findFailing(tables, { trial: (some) => trial(eventsOf(some.flat())), blame: (groups) => void failing.push(groups) });
  return failing;
}

/** What a search for culprits goes by. */
interface Hunt {
  /** Of each accepted event. */
  readonly order: ReadonlyMap<RowEvent, number>;
  readonly trial: Trial;
  readonly limit: number;
}

/** Of a table that fails. */
async function culpritsOf(groups: readonly EventGroup[], hunt: Hunt): Promise<Culprit[]> {
  const { trial, limit } = hunt;
  const culprits: Culprit[] = [];
  await findFailing(groups, {
    trial: (some) => trial(eventsOf(some)),
    blame: async ({ events }, error) => {
      const [event, more] = events;
      if (event !== undefined && more === undefined) culprits.push({ event, error });
      else culprits.push(...(await findCulpritsOfGroup(events, trial, limit)));
    },
    enough: () => isTooMany(culprits, limit),
  });
  return culprits.length > 0 ? culprits : culpritsTogether(groups, hunt);
}

async function culpritsTogether(groups: readonly EventGroup[], { order, trial, limit }: Hunt): Promise<Culprit[]> {
  const last = ({ events }: EventGroup): number => Math.max(...events.slice(-1).map((event) => order.get(event) ?? 0));
  const culprits = await findCulpritsTogether([...groups].sort((a, b) => last(a) - last(b)), trial, limit);
  return culprits.map(({ event, error }) => ({ event, error: notAlone(error) }));
}

/** Whoever looks at the dead letter would find nothing wrong with the event. */
function notAlone(error: unknown): ElstreamError {
  const message = error instanceof Error ? error.message : String(error);
  return new ElstreamError(codeOf(error), 'park', `${message}; it is refused only together with events before it in its batch`, { cause: error });
}

function isTooMany(culprits: readonly Culprit[], limit: number): boolean {
  const counts = new Map<string, number>();
  for (const { error } of culprits) counts.set(codeOf(error), (counts.get(codeOf(error)) ?? 0) + 1);
  return Math.max(0, ...counts.values()) > limit;
}

/** Truncates go into every trial of their table: what stands before decides as little as in the batch. */
function trialOf({ context, taken, accepted, trialOf: writeOf }: Narrowing, order: ReadonlyMap<RowEvent, number>): Trial {
  const truncates = accepted.filter((event) => event.op === 'truncate');
  return async (some) => {
    if (context.signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while the event that the warehouse refuses was looked for');
    context.moved();
    const tables = new Set(some.map((event) => event.table));
    const events = [...some, ...truncates.filter((event) => tables.has(event.table))].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    try {
      await writeBatch(context, writeOf(foldAccepted(events, taken.mappings)));
      return null;
    } catch (error) {
      if (isParked(error)) return error;
      throw error;
    }
  };
}

/** Accepted events never fall in position, so no highest is needed to fold a choice of them. */
export function foldAccepted(events: readonly RowEvent[], mappings: ReadonlyMap<string, TableMapping>): FoldedBatch {
  return foldBatch(events, mappings, null);
}
