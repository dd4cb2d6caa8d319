import { type DeadLetter, type SchemaChangeRecord, type ValidationRecord } from '@elstream/control';
import { type TableMapping } from '@elstream/core';
import { type Dto } from './schemas';

/** As `views.ts`: what proving and healing keep → answers of the API. Pure. */
export function validationView({ table, runId, scope, position, rowsCompared, confirmedEqual, unverified, differences, finishedAt }: ValidationRecord): Dto<'Validation'> {
  return { table, runId, scope, position, rowsCompared, confirmedEqual, unverified, differences, finishedAt: finishedAt.toISOString() };
}

/** Without values other than the key's: for lists. */
export function deadLetterView(letter: DeadLetter): Dto<'DeadLetter'> {
  const { id, pipeline, table, state, origin, op, key, oldKey, code, reason, position, committedAt, parkedAt, settledAt, note, replays } = letter;
  return {
    id,
    pipeline,
    table,
    state,
    origin,
    op,
    key: key === null ? null : [...key],
    oldKey: oldKey === null ? null : [...oldKey],
    code,
    reason,
    position,
    committedAt: committedAt?.toISOString() ?? null,
    parkedAt: parkedAt.toISOString(),
    settledAt: settledAt?.toISOString() ?? null,
    note,
    replays,
  };
}

/**
 * With bytes and decoded row.
 *
 * @param mapping the table's as it is stored now; null: the pipeline has it no more. Where its columns are not those of
 * the row any more, cells are named by their number, since a wrong name would be worse.
 */
export function deadLetterDetailView(letter: DeadLetter, mapping: TableMapping | null): Dto<'DeadLetterDetail'> {
  const named = mapping !== null && mapping.columns.length === letter.row?.length;
  const name = (index: number): string => (named ? mapping.columns[index]?.target : undefined) ?? `#${index + 1}`;
  const cells = [...(letter.row ?? [])].map((cell, index) => ({ name: name(index), cell }));
  return {
    ...deadLetterView(letter),
    bytes: Buffer.from(letter.bytes).toString('base64'),
    row: letter.row === null ? null : Object.fromEntries(cells.flatMap(({ name: column, cell }) => (cell === undefined ? [] : [[column, cell]]))),
    unknown: cells.filter(({ cell }) => cell === undefined).map(({ name: column }) => column),
  };
}

export function schemaChangeView({ id, pipeline, table, state, change, noticedAt, decidedAt }: SchemaChangeRecord): Dto<'SchemaChange'> {
  const { added, dropped, widened, obstacles } = change;
  return {
    id,
    pipeline,
    table,
    state,
    added: [...added],
    dropped: [...dropped],
    widened: [...widened],
    obstacles: [...obstacles],
    noticedAt: noticedAt.toISOString(),
    decidedAt: decidedAt?.toISOString() ?? null,
  };
}
