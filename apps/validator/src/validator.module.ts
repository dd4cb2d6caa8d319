import { Module, type DynamicModule } from '@nestjs/common';
import { createPlanner, createTaskWorker } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';

export interface ValidatorOptions {
  /** Plan runs in this process too, for its own tasks: needed where the job queue does not reach other processes. */
  readonly plan?: boolean;
}

/** Proves that both sides are equal, range by range (R8). */
@Module({})
export class ValidatorModule {
  static forRuntime(runtime: Runtime, options: ValidatorOptions = {}): DynamicModule {
    const concurrency = Math.max(...runtime.configs.map((config) => config.validate.workers));
    const services = [createTaskWorker(runtime.deps, 'validate', { concurrency })];
    if (options.plan === true) services.push(createPlanner(runtime.deps, { queues: ['validate'] }));
    return { module: ValidatorModule, providers: [{ provide: 'validator', useFactory: () => new ServiceHost('validator', services, runtime.logger) }] };
  }
}
