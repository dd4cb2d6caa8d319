import { Module, type DynamicModule } from '@nestjs/common';
import { createPlanner, createTaskWorker } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';

export interface PreloaderOptions {
  /** Plan runs in this process too, for its own tasks: needed where the job queue does not reach other processes. */
  readonly plan?: boolean;
}

/** Prepares pipelines and copies what is there, chunk by chunk (R4). */
@Module({})
export class PreloaderModule {
  static forRuntime(runtime: Runtime, options: PreloaderOptions = {}): DynamicModule {
    const concurrency = Math.max(...runtime.configs.map((config) => config.preload.workers));
    const services = [createTaskWorker(runtime.deps, 'preload', { concurrency })];
    if (options.plan === true) services.push(createPlanner(runtime.deps, { queues: ['preload'] }));
    return { module: PreloaderModule, providers: [{ provide: 'preloader', useFactory: () => new ServiceHost('preloader', services, runtime.logger) }] };
  }
}
