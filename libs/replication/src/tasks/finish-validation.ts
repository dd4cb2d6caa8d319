import type { Task, ValidationRecord } from '@elstream/control';
import { reportOf } from '../overview/validation-report';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

const PAGE = 200;
const SCOPES: readonly ValidationRecord['scope'][] = ['full', 'sample', 'changed', 'range'];

/**
 * Sums the table's validation up, keeps the sum for good, and ends the use of the table. Derived history has nothing to
 * be compared with: it is checked for holes, which are reported and not mended (R13).
 *
 * A validation that another preload overtook is no statement about the table and is not kept.
 */
export const finishValidation: TaskHandler = async (context) => {
  const { deps, pipeline, task, logger, moved } = context;
  const mapping = await mappingOf(context);
  const chunks = await tasksOf(context, 'validate-chunk');
  const [plan] = await tasksOf(context, 'plan-validation');
  const report = reportOf(chunks);
  const superseded = chunks.map((chunk) => chunk.result?.['superseded']).find((reason) => typeof reason === 'string') ?? null;
  const position = plan?.result?.['position'];
  const { rowsCompared, confirmedEqual, unverified, differences } = report;
  if (superseded === null && typeof position === 'string') {
    await deps.store.saveValidation({ pipeline: pipeline.name, table: mapping.id, runId: task.runId, scope: scopeOf(plan), position, rowsCompared, confirmedEqual, unverified, differences });
  }
  moved();
  const history = mapping.history?.kind === 'derived' ? await pipeline.warehouse.checkHistory(mapping) : null;
  moved();
  await pipeline.warehouse.closeUse({ pipeline: pipeline.name, mapping, runId: task.runId });
  const found = { rows: rowsCompared, differences, unverified, holes: history?.holes, superseded: superseded ?? undefined };
  const level = differences > 0 || superseded !== null || (history?.holes ?? 0) > 0 ? 'warn' : 'info';
  logger[level](found, 'table validated');
  return { outcome: 'done', result: { ...report, scope: scopeOf(plan), superseded, history } };
};

/** Without the differences they keep, which are many where a table is mostly different (R11). */
async function tasksOf({ deps, task, moved }: TaskContext, kind: Task['kind']): Promise<Task[]> {
  const found: Task[] = [];
  for (let skip = 0, more = true; more; skip += PAGE) {
    moved();
    const page = await deps.store.readTasks(task.runId, { kind, state: 'done', without: ['differences', 'keys'], skip, limit: PAGE });
    found.push(...page.filter(({ table }) => table === task.table));
    more = page.length === PAGE;
  }
  return found;
}

function scopeOf(plan: Task | undefined): ValidationRecord['scope'] {
  return SCOPES.find((scope) => scope === plan?.result?.['scope']) ?? 'full';
}
