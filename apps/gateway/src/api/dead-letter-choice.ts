import { type DeadLetterFilter } from '@elstream/control';
import { type z } from 'zod';
import { HttpProblem } from '../http/problem';
import { type GatewayServices } from '../services';
import { findTable } from './lookup';
import { type replayBody } from './requests';

/** The parked dead letters that a request means. Throws problems for unknown ones and for those that are settled. */
export async function parkedFilter(services: GatewayServices, pipeline: string, { ids, table, code }: z.output<typeof replayBody>): Promise<DeadLetterFilter> {
  services.registry.get(pipeline);
  if (table !== undefined) await findTable(services, pipeline, table);
  if (ids !== undefined) await checkIds(services, pipeline, ids);
  return { pipeline, state: 'parked', ...(ids === undefined ? {} : { ids: [...new Set(ids)] }), ...(table === undefined ? {} : { table }), ...(code === undefined ? {} : { code }) };
}

async function checkIds({ store }: GatewayServices, pipeline: string, ids: readonly string[]): Promise<void> {
  const found = new Map((await store.readDeadLetters({ pipeline, ids, limit: ids.length })).map((letter) => [letter.id, letter.state]));
  for (const id of ids) {
    const state = found.get(id.toLowerCase());
    if (state === undefined) throw new HttpProblem(404, 'DEAD_LETTER_UNKNOWN', `the pipeline has no dead letter '${id}'`, { place: { pipeline } });
    if (state !== 'parked') throw new HttpProblem(409, 'DEAD_LETTER_SETTLED', `dead letter '${id}' is ${state} already; leave it out`, { place: { pipeline } });
  }
}
