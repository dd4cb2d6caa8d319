import { type LogPosition, type SourceIdentity } from '@elstream/core';
import { parseCdcLsn } from '@elstream/database';
import { type CaptureInstance } from './catalog';

/** A capture instance as it was when capture was prepared. Names can be used again, so that object and date belong to it. */
export interface RecordedInstance {
  readonly instance: string;
  /** Object id of the change table. */
  readonly object: number;
  readonly created: string;
  /** From where it was whole then, hex: a later minimum means that changes were cleaned up, an instance just made has none to miss. */
  readonly start: string;
}

/** What captured a pipeline when it was prepared last. Kept in its row of the counter table. */
export interface RecordedCapture {
  /** A log restored or forked since is another one. */
  readonly identity: SourceIdentity;
  /** Table id → the instance that captures it, the counter table among them. */
  readonly tables: ReadonlyMap<string, RecordedInstance>;
}

/** An instance that the capture job has begun to fill. */
export type EstablishedInstance = CaptureInstance & { readonly start: LogPosition };

export function isEstablished(instance: CaptureInstance): instance is EstablishedInstance {
  return instance.start !== null;
}

export function recordOf(identity: SourceIdentity, instances: Iterable<EstablishedInstance>): RecordedCapture {
  return { identity, tables: new Map([...instances].map(({ table, name, object, created, start }) => [table, { instance: name, object, created, start: start.hex }])) };
}

export function formatRecord({ identity: { system, fork }, tables }: RecordedCapture): string {
  return JSON.stringify({ system, fork, tables: Object.fromEntries(tables) });
}

/** Null for what is no record: capture is then made anew. */
export function parseRecord(text: string | null): RecordedCapture | null {
  if (text === null) return null;
  try {
    const { system, fork, tables } = JSON.parse(text) as { readonly system?: unknown; readonly fork?: unknown; readonly tables: Readonly<Record<string, Partial<RecordedInstance>>> };
    if (typeof system !== 'string' || typeof fork !== 'string') return null;
    const recorded = new Map<string, RecordedInstance>();
    for (const [table, { instance, object, created, start }] of Object.entries(tables)) {
      if (typeof instance !== 'string' || typeof object !== 'number' || typeof created !== 'string' || typeof start !== 'string') return null;
      parseCdcLsn(start);
      recorded.set(table, { instance, object, created, start });
    }
    return { identity: { system, fork }, tables: recorded };
  } catch {
    // somebody else's text: as if there were none
    return null;
  }
}

export function isRecorded(recorded: RecordedInstance, { name, object, created }: CaptureInstance): boolean {
  return recorded.instance === name && recorded.object === object && recorded.created === created;
}

/** The source as it is now. */
export interface CaptureFound {
  readonly identity: SourceIdentity;
  readonly instances: readonly CaptureInstance[];
}

/**
 * Why the log of the recorded tables cannot be told to be whole, for people; null: it is, from `cleanedUpTo` on.
 *
 * @param of only of these tables; absent: of all
 */
export function recordTrouble({ identity, tables }: RecordedCapture, { identity: now, instances }: CaptureFound, of?: ReadonlySet<string>): string | null {
  if (identity.system !== now.system || identity.fork !== now.fork) return 'the database was restored or is another one: its log is not the one that capture was prepared for';
  for (const [table, recorded] of tables) {
    if (of?.has(table) === false) continue;
    const found = instances.find((instance) => isRecorded(recorded, instance));
    if (found === undefined) {
      const again = instances.some(({ name }) => name === recorded.instance);
      return again ? `capture instance ${recorded.instance} of table ${table} was dropped and made anew: what changed in between was not captured` : `capture instance ${recorded.instance} of table ${table} is gone from the source`;
    }
    if (found.dropping) return `capture instance ${recorded.instance} of table ${table} is being dropped`;
    if (found.least === null) return `capture instance ${recorded.instance} of table ${table} is not visible: the login lacks SELECT on the table, or is no member of the role ${found.role ?? ''} that gates it`;
  }
  return null;
}

/** What committed below was removed by the clean-up of some recorded instance; null: nothing was since it was recorded. */
export function cleanedUpTo({ tables }: RecordedCapture, instances: readonly CaptureInstance[]): LogPosition | null {
  let highest: LogPosition | null = null;
  for (const recorded of tables.values()) {
    const least = instances.find((instance) => isRecorded(recorded, instance))?.least ?? null;
    if (least === null || !parseCdcLsn(recorded.start).isBelow(least)) continue;
    if (highest === null || highest.isBelow(least)) highest = least;
  }
  return highest;
}
