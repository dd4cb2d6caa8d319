import { tableId, type ChangeEvent, type ColumnType, type EventBatch, type Mask, type StreamOffset, type TableMapping } from '@elstream/core';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import { PostgresStream, type PostgresStreamOptions } from './postgres-stream';

export interface ColumnPlan {
  readonly name: string;
  readonly type?: ColumnType;
  readonly mask?: Mask;
}

/** A mapping of `schema.name` onto itself; columns are text unless said otherwise. */
export function mappingOf(name: string, key: readonly string[], columns: readonly (string | ColumnPlan)[], schema = 'public'): TableMapping {
  const plans = columns.map((column): ColumnPlan => (typeof column === 'string' ? { name: column } : column));
  return {
    id: tableId({ schema, name }),
    source: { schema, name },
    target: { schema, name },
    columns: plans.map((plan) => ({ source: plan.name, target: plan.name, type: plan.type ?? { kind: 'other' }, targetType: 'text', nullable: true, mask: plan.mask ?? null })),
    key: key.map((column) => plans.findIndex((plan) => plan.name === column)),
    chunkRows: 1000,
  };
}

export const mappingsOf = (...tables: TableMapping[]): ReadonlyMap<string, TableMapping> => new Map(tables.map((table) => [table.id, table]));

/** A database with a stream over it; slot and publication named after the database. */
export interface StreamContext extends AsyncDisposable {
  readonly db: TestDatabase;
  /** A further stream over the same slot; closed with the context. */
  stream(options?: Partial<PostgresStreamOptions>): Promise<PostgresStream>;
}

export const COUNTER_PREFIX = 'elstream:test';

export async function streamContext(given?: TestDatabase): Promise<StreamContext> {
  const db = given ?? (await createTestDatabase('stream'));
  const streams: PostgresStream[] = [];
  return {
    db,
    async stream(options = {}) {
      const stream = await PostgresStream.connect({
        url: db.url,
        applicationName: `elstream größer ${db.name} ${'and longer than the server keeps '.repeat(2)}`,
        slotName: `s_${db.name}`,
        publicationName: `p.${db.name}`,
        counterPrefix: COUNTER_PREFIX,
        ...options,
      });
      streams.push(stream);
      return stream;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(streams.map((stream) => stream.close()));
      await db.drop();
    },
  };
}

export interface Collected {
  readonly batches: readonly EventBatch[];
  readonly events: readonly ChangeEvent[];
  readonly next: StreamOffset;
}

export interface CollectOptions {
  readonly from: StreamOffset;
  readonly tables: readonly TableMapping[];
  /** Called per batch; true ends the reading. Default: at the marker the fixture wrote. */
  readonly until: (batch: EventBatch) => boolean | Promise<boolean>;
  readonly acknowledge?: boolean;
}

/** Reads until told to stop, checking that batches join without a hole. */
export async function collect(stream: PostgresStream, { from, tables, until, acknowledge = false }: CollectOptions): Promise<Collected> {
  const controller = new AbortController();
  const batches: EventBatch[] = [];
  let next = from;
  for await (const batch of stream.read({ from, mappings: () => mappingsOf(...tables), signal: controller.signal })) {
    expect(batch.from.hex).toBe(next.hex);
    next = batch.next;
    batches.push(batch);
    if (acknowledge) stream.acknowledge(batch.next);
    if (await until(batch)) break;
  }
  controller.abort();
  return { batches, events: batches.flatMap((batch) => batch.events), next };
}

let marker = 0n;

/** Writes a counter message and says when it has come: everything committed before is read then. */
export async function untilMarker(db: TestDatabase): Promise<(batch: EventBatch) => boolean> {
  marker += 1n;
  const value = marker;
  await db.query('SELECT pg_logical_emit_message(true, $1::text, $2::text)', [COUNTER_PREFIX, String(value)]);
  return (batch) => batch.events.some((event) => event.op === 'counter' && event.value === value);
}

/** Events in a short spelling, transactions left out, markers too. */
export function brief(events: readonly ChangeEvent[]): unknown[] {
  return events.flatMap((event): unknown[] => {
    switch (event.op) {
      case 'counter':
        return [];
      case 'poison':
        return [['!', event.code]];
      case 'insert':
        return [['+', ...event.row]];
      case 'update':
        return [event.oldKey === null ? ['~', ...event.row] : ['~', ...event.row, { was: event.oldKey }]];
      case 'delete':
        return [['-', ...event.key]];
      case 'truncate':
        return [['x', event.table]];
      case 'reload':
        return [['reload', event.table]];
    }
  });
}
