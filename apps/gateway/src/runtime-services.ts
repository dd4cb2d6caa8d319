import { type Environment } from '@elstream/config';
import { type Service } from '@elstream/core';
import { createPlanner, createValidationSchedule, type PlannerOptions } from '@elstream/replication';
import { checkConnections, type Runtime } from '@elstream/runtime';
import { createPipelineChecker } from './pipeline-check';
import { connectorsOf } from './runtime-connectors';
import { healingOf } from './runtime-healing';
import { type GatewayServices } from './services';

export interface RuntimeServicesOptions {
  /** How runs are planned; null: this process plans none, and starts no validation by schedule. */
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
    connectors: connectorsOf(registry),
    metrics,
    health,
    logger,
    planner: planner === null ? null : together([createPlanner(runtime.deps, planner), createValidationSchedule(runtime.deps)]),
    checkPipeline: createPipelineChecker(env, (config) => checkConnections(config, logger)),
  };
}

function together(services: readonly Service[]): Service {
  const all = async (step: (service: Service) => Promise<void>): Promise<void> => {
    await Promise.all(services.map(step));
  };
  return { run: () => all((service) => service.run()), stop: () => all((service) => service.stop()) };
}
