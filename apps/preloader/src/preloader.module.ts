import { Module, type DynamicModule } from '@nestjs/common';
import { createTaskWorker } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';

/** Prepares pipelines and copies what is there, chunk by chunk (R4). */
@Module({})
export class PreloaderModule {
  static forRuntime(runtime: Runtime): DynamicModule {
    const concurrency = Math.max(...runtime.configs.map((config) => config.preload.workers));
    const services = [createTaskWorker(runtime.deps, 'preload', { concurrency })];
    return { module: PreloaderModule, providers: [{ provide: 'preloader', useFactory: () => new ServiceHost('preloader', services, runtime.logger) }] };
  }
}
