import { foldBatch, type ChangeEvent, type TableMapping } from '@elstream/core';
import { positionOf, isRepeated } from './decisions';
import { DELETE, PUT, PUT_X, TRUNCATE } from './layout';

/** An event as it lies in the log. */
export interface Logged {
  readonly event: number;
  readonly kind: number;
  readonly key: number;
  readonly position: number;
}

/** One key's part of a folded batch; `extra` undefined: unknown. */
export interface FoldedWrite {
  readonly op: 'delete' | 'upsert';
  readonly key: number;
  readonly position: number;
  readonly value: number;
  readonly extra: number | undefined;
}

export interface Folded {
  /** Position of the batch's last truncate, 0: none. */
  readonly truncate: number;
  /** Deletes before upserts. */
  readonly writes: readonly FoldedWrite[];
  readonly highest: number;
  /** Events that count: for history. */
  readonly applied: readonly number[];
}

const TABLE = 'public.t';
const column = (name: string): TableMapping['columns'][number] => ({
  source: name,
  target: name,
  type: { kind: 'integer', bits: 64 },
  targetType: 'bigint',
  nullable: true,
  mask: null,
});
const MAPPINGS = new Map<string, TableMapping>([
  [TABLE, { id: TABLE, source: { schema: 'public', name: 't' }, target: { schema: 'public', name: 't' }, columns: [column('key'), column('value'), column('extra')], key: [0], chunkRows: 1 }],
]);

function changeEvent({ event, kind, key, position }: Logged): ChangeEvent {
  const base = { table: TABLE, tx: { position: positionOf(position), committedAtUs: 0n } };
  const value = String(event + 1);
  switch (kind) {
    case DELETE:
      return { op: 'delete', ...base, key: [String(key)] };
    case PUT:
      return { op: 'insert', ...base, row: [String(key), value, value] };
    case PUT_X:
      return { op: 'update', ...base, row: [String(key), value, undefined], oldKey: null };
    case TRUNCATE:
      return { op: 'truncate', ...base };
    default:
      throw new RangeError(`no such kind of event: ${kind}`);
  }
}

const folds = new Map<number, Folded>();

/** The product's fold of a batch of one or two events, remembered: it is a pure function of them and the highest. */
export function fold(batch: readonly Logged[], highest: number): Folded {
  if (batch.length > 2) throw new RangeError('a batch of the model has at most two events');
  let id = 0;
  for (const { event, kind, key, position } of batch) id = id * 0x8000 + ((((event + 1) * 4 + kind) * 2 + key) << 8) + position;
  id = id * 256 + highest;
  let known = folds.get(id);
  if (known === undefined) folds.set(id, (known = callFold(batch, highest)));
  return known;
}

function callFold(batch: readonly Logged[], highest: number): Folded {
  const folded = foldBatch(batch.map(changeEvent), MAPPINGS, highest === 0 ? null : positionOf(highest));
  const table = folded.tables[0];
  const writes = (table?.rows ?? []).map((row): FoldedWrite => {
    const cell = (i: number): number | undefined => (row.op === 'upsert' && typeof row.cells[i] === 'string' ? Number(row.cells[i]) : undefined);
    return { op: row.op, key: Number(row.key[0]), position: numberOf(row.position), value: cell(1) ?? 0, extra: cell(2) };
  });
  let running = highest;
  const applied = batch.filter(({ position }) => {
    if (isRepeated(position, running)) return false;
    running = Math.max(running, position);
    return true;
  });
  return {
    truncate: table?.truncate ? numberOf(table.truncate) : 0,
    writes: [...writes.filter((r) => r.op === 'delete'), ...writes.filter((r) => r.op === 'upsert')],
    highest: folded.highest === null ? 0 : numberOf(folded.highest),
    applied: applied.map((l) => l.event),
  };
}

function numberOf(position: { toBigInt(): bigint }): number {
  return Number(position.toBigInt());
}

/** Wrong folds: compares with the highest of the batch's start only, or forgets what an earlier event knew. */
export function wrongFold(batch: readonly Logged[], highest: number, wrong: { readonly highestIn: 'running' | 'start'; readonly foldMerges: boolean }): Folded {
  let running = highest;
  const last = new Map<number, Logged & { readonly extra: number | undefined }>();
  const applied: number[] = [];
  let truncate = 0;
  for (const logged of batch) {
    if (isRepeated(logged.position, wrong.highestIn === 'running' ? running : highest)) continue;
    running = Math.max(running, logged.position);
    applied.push(logged.event);
    if (logged.kind === TRUNCATE) {
      last.clear();
      truncate = logged.position;
      continue;
    }
    const known = wrong.foldMerges ? last.get(logged.key)?.extra : undefined;
    last.set(logged.key, { ...logged, extra: logged.kind === PUT ? logged.event + 1 : known });
  }
  const writes = [...last.values()].map((l): FoldedWrite => ({ op: l.kind === DELETE ? 'delete' : 'upsert', key: l.key, position: l.position, value: l.event + 1, extra: l.extra }));
  return { truncate, writes, highest: running, applied };
}
