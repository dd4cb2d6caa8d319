import { Module, type DynamicModule } from '@nestjs/common';
import { createTaskWorker } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';

/** Proves that both sides are equal, range by range (R8). */
@Module({})
export class ValidatorModule {
  static forRuntime(runtime: Runtime): DynamicModule {
    const concurrency = Math.max(...runtime.configs.map((config) => config.validate.workers));
    const services = [createTaskWorker(runtime.deps, 'validate', { concurrency })];
    return { module: ValidatorModule, providers: [{ provide: 'validator', useFactory: () => new ServiceHost('validator', services, runtime.logger) }] };
  }
}
