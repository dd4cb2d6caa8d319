import { type DeadLetterFilter } from '@elstream/control';
import { type z } from 'zod';
import { HttpProblem } from '../http/problem';
import { type GatewayServices } from '../services';
import { findTable } from './lookup';
import { type replayBody } from './requests';

/** The parked dead letters that a request means. Throws problems for unknown ones, for those that are settled, and where none is left. */
export async function parkedFilter(services: GatewayServices, pipeline: string, { ids, table, code }: z.output<typeof replayBody>): Promise<DeadLetterFilter> {
  const { registry, store } = services;
  registry.get(pipeline);
  if (table !== undefined) await findTable(services, pipeline, table);
  if (ids !== undefined) await checkIds(services, pipeline, ids);
  const filter: DeadLetterFilter = { pipeline, state: 'parked', ...(ids === undefined ? {} : { ids: [...new Set(ids)] }), ...(table === undefined ? {} : { table }), ...(code === undefined ? {} : { code }) };
  const [first] = await store.readDeadLetters({ ...filter, limit: 1 });
  if (first === undefined) throw new HttpProblem(409, 'NOTHING_PARKED', `no dead letter that is meant is parked; GET /api/v1/pipelines/${encodeURIComponent(pipeline)}/dead-letters/counts tells which are`, { place: { pipeline } });
  return filter;
}

async function checkIds({ store }: GatewayServices, pipeline: string, ids: readonly string[]): Promise<void> {
  const found = new Map((await store.readDeadLetters({ pipeline, ids, limit: ids.length })).map((letter) => [letter.id, letter.state]));
  for (const id of ids) {
    const state = found.get(id.toLowerCase());
    if (state === undefined) throw new HttpProblem(404, 'DEAD_LETTER_UNKNOWN', `the pipeline has no dead letter '${id}'`, { place: { pipeline } });
    if (state !== 'parked') throw new HttpProblem(409, 'DEAD_LETTER_SETTLED', `dead letter '${id}' is ${state} already; leave it out`, { place: { pipeline } });
  }
}
