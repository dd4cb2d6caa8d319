import { type Environment } from '@elstream/config';
import { createPlanner, type PlannerOptions } from '@elstream/replication';
import { checkConnections, type Runtime } from '@elstream/runtime';
import { createPipelineChecker } from './pipeline-check';
import { healingOf } from './runtime-healing';
import { type GatewayServices } from './services';

export interface RuntimeServicesOptions {
  /** How runs are planned; null: this process plans none. */
  readonly planner?: Partial<PlannerOptions> | null;
  /** Where references of checked pipeline files are looked up; default: the process's environment. */
  readonly env?: Environment;
}

/** What the gateway needs of a runtime. */
export function servicesOf(runtime: Runtime, { planner = {}, env = process.env }: RuntimeServicesOptions = {}): GatewayServices {
  const { registry, store, bus, overview, metrics, health, logger } = runtime;
  return {
    registry,
    store,
    bus,
    overview,
    healing: healingOf(runtime),
    metrics,
    health,
    logger,
    planner: planner === null ? null : createPlanner(runtime.deps, planner),
    checkPipeline: createPipelineChecker(env, (config) => checkConnections(config, logger)),
  };
}
