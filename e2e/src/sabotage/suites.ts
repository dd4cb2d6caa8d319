import type { Rule } from '@elstream/core';

/** A spec file of a project, relative to the workspace. */
export interface Suite {
  readonly project: string;
  readonly file: string;
}

const core = (file: string): Suite => ({ project: 'libs/core', file: `src/${file}` });
const replication = (file: string): Suite => ({ project: 'libs/replication', file: `src/${file}` });
const runtime = (file: string): Suite => ({ project: 'libs/runtime', file: `src/${file}` });
const healing = (file: string): Suite => ({ project: 'e2e', file: `src/healing/${file}` });
const kafka = (file: string): Suite => ({ project: 'e2e', file: `src/kafka/${file}` });
const warehouse = (file: string): Suite => ({ project: 'libs/warehouse/postgres', file: `src/${file}` });

/**
 * For each rule the fastest suite that turns red, every time, when the rule is switched off; more than one where each of them
 * proves something else. The record makes the compiler notice a new rule.
 */
export const SUITES: Readonly<Record<Rule, readonly [Suite, ...Suite[]]>> = {
  'R2-checkpoint-condition': [warehouse('apply-batch.pg.spec.ts'), kafka('zombie.kafka.spec.ts')],
  'R3-reemission-skip': [core('fold.spec.ts'), kafka('written-events.kafka.spec.ts')],
  'R3-counter': [replication('stream/pipeline-stream.spec.ts')],
  'R3-offset-guard': [{ project: 'libs/change-stream/kafka', file: 'src/client.kafka.spec.ts' }],
  'R4-task-condition': [warehouse('preload.pg.spec.ts')],
  'R4-exclusion': [warehouse('exclusion.pg.spec.ts')],
  'R5-epoch-in-transaction': [warehouse('preload.pg.spec.ts')],
  'R5-delete-markers': [warehouse('preload.pg.spec.ts')],
  'R6-fold': [core('fold.spec.ts')],
  'R7-bisection': [runtime('dead-letters.pg.spec.ts')],
  'R8-wait': [healing('no-false-alarm.pg.spec.ts')],
  'R8-in-flight': [healing('no-false-alarm.pg.spec.ts')],
  'R8-decides': [healing('no-false-alarm.pg.spec.ts')],
  'R9-guard': [warehouse('repair.pg.spec.ts')],
  'R9-markers': [warehouse('repair.pg.spec.ts')],
  'claim-attempt': [warehouse('preload.pg.spec.ts')],
  reconciler: [replication('plan/reconciler.spec.ts')],
};
