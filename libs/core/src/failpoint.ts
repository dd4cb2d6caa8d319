/**
 * Named places where a test may stop, pause or kill the process: each stands between two atomic steps of R2–R4.
 * Production code calls `failpoint(name)`, which does nothing until a handler is installed (test harness only).
 */
export type FailpointName =
  | 'batch:taken'
  | 'batch:staged'
  | 'batch:after-rows-before-checkpoint'
  | 'batch:before-commit'
  | 'batch:after-commit-before-acknowledge'
  | 'chunk:read-before-write'
  | 'chunk:staged'
  | 'chunk:before-commit'
  | 'chunk:after-commit-before-report'
  | 'preload:epoch-raised'
  | 'preload:start-position-read'
  | 'preload:transactions-listed'
  | 'preload:before-finish'
  | 'preload:after-finish'
  | 'repair:target-read'
  | 'repair:source-read'
  | 'validate:source-read'
  | 'history:read-before-write';

type Handler = (name: FailpointName) => Promise<void> | void;

let handler: Handler | null = null;

/** Installs (or with null removes) the handler; process-wide. */
export function setFailpointHandler(next: Handler | null): void {
  handler = next;
}

/** Awaits the handler, if any. */
export async function failpoint(name: FailpointName): Promise<void> {
  if (handler !== null) await handler(name);
}

/** Rules that `npm run sabotage` switches off one at a time to prove that a suite notices. All hold in production. */
export type Rule =
  | 'R2-checkpoint-condition'
  | 'R3-reemission-skip' | 'R3-counter' | 'R3-offset-guard'
  | 'R4-task-condition'
  | 'R4-exclusion'
  | 'R5-epoch-in-transaction'
  | 'R5-delete-markers'
  | 'R6-fold'
  | 'R7-bisection'
  | 'R8-wait'
  | 'R8-in-flight'
  | 'R8-decides'
  | 'R9-guard'
  | 'R9-markers'
  | 'claim-attempt'
  | 'reconciler';

const sabotaged = new Set<Rule>((process.env['NODE_ENV'] === 'test' ? (process.env['ELSTREAM_SABOTAGE'] ?? '') : '').split(',').filter((s) => s !== '') as Rule[]);

/** True always, except under the sabotage harness (NODE_ENV=test and ELSTREAM_SABOTAGE names the rule). */
export function ruleHolds(rule: Rule): boolean {
  return !sabotaged.has(rule);
}
