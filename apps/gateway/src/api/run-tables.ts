import { type RunStage, type ValidationScope } from '@elstream/control';
import { type TableMapping } from '@elstream/core';
import { HttpProblem } from '../http/problem';
import { type GatewayServices } from '../services';
import { runInTheWay } from './lookup';

interface WantedRun {
  readonly tables: readonly string[] | undefined;
  readonly stages: readonly RunStage[];
  readonly scope: ValidationScope;
}

/**
 * The tables of a run that is asked for. All stages: those named; none named: empty, and `prepare` finds them out.
 * Validation alone: those named, each of which must be live, or all that are live. Throws problems that name the table.
 */
export async function tablesOfRun(services: GatewayServices, pipeline: string, { tables: wanted, stages, scope }: WantedRun): Promise<readonly string[]> {
  const validates = !stages.includes('prepare');
  if (!validates && Object.keys(scope).length > 0) throw invalidScope(pipeline, 'belongs to a run of stages ["validate"] alone');
  if (wanted === undefined && !validates) return [];
  const mappings = new Map((await services.store.readMappings(pipeline)).map((mapping) => [mapping.id, mapping]));
  if (validates && mappings.size === 0) throw new HttpProblem(422, 'PIPELINE_UNPREPARED', 'the pipeline was never prepared, so there is nothing to compare; start a run of all stages first', { place: { pipeline } });
  const tables = [...new Set(wanted ?? mappings.keys())];
  const unknown = tables.find((table) => !mappings.has(table));
  if (unknown !== undefined) {
    const remedy = mappings.size === 0 ? 'the pipeline was never prepared; start a run of all tables first' : `GET /api/v1/pipelines/${encodeURIComponent(pipeline)} lists its tables`;
    throw new HttpProblem(422, 'TABLE_UNKNOWN', `the pipeline has no table '${unknown}': ${remedy}`, { place: { pipeline, table: unknown } });
  }
  if (!validates) return tables;
  checkRange(pipeline, tables, scope, mappings);
  return liveTables(services, pipeline, { tables, all: wanted === undefined });
}

function checkRange(pipeline: string, tables: readonly string[], { range }: ValidationScope, mappings: ReadonlyMap<string, TableMapping>): void {
  if (range === undefined) return;
  const [table = ''] = tables;
  if (tables.length !== 1) throw invalidScope(pipeline, `.range is of the keys of one table; name it in tables, which now has ${tables.length}`);
  const cells = mappings.get(table)?.key.length ?? 0;
  for (const [end, key] of Object.entries(range)) {
    if (key !== null && key.length !== cells) throw invalidScope(pipeline, `.range.${end} has ${key.length} cells, but the key of ${table} has ${cells}`);
  }
}

function invalidScope(pipeline: string, what: string): HttpProblem {
  return new HttpProblem(422, 'SCOPE_INVALID', `scope${what.startsWith('.') ? '' : ' '}${what}`, { place: { pipeline } });
}

/** `all`: those that are not live are left out, unless none is. */
async function liveTables(services: GatewayServices, pipeline: string, { tables, all }: { readonly tables: readonly string[]; readonly all: boolean }): Promise<readonly string[]> {
  const states = await services.registry.get(pipeline).warehouse.readTableStates(pipeline);
  const phaseOf = (table: string): string => states.find((s) => s.table === table)?.phase ?? 'new';
  const live = tables.filter((table) => phaseOf(table) === 'live');
  if (live.length === tables.length || (all && live.length > 0)) return live;
  const load = await runInTheWay(services, pipeline, 'load');
  const table = tables.find((each) => phaseOf(each) !== 'live') ?? '';
  const phase = phaseOf(table);
  const remedy = load !== null ? 'wait for the run that loads it' : 'it is compared once a preload has made it live: start a run of all stages';
  throw new HttpProblem(409, 'TABLE_NOT_LIVE', `table '${table}' is not live but ${phase}; ${remedy}`, { place: { pipeline, table }, ...(load === null ? {} : { runId: load.id }) });
}
