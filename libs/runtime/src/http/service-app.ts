import type { DynamicModule } from '@nestjs/common';
import type { Runtime } from '../runtime';
import { HealthModule } from './health.module';
import { createNestApp, type NestApp, type NestAppOptions } from './nest-app';

/** What a service's application is made from; `serviceMain` gives it. */
export interface ServiceAppOptions extends Pick<NestAppOptions, 'server' | 'prepare'> {
  readonly runtime: Runtime;
}

/** The application of a service without routes of its own: its modules, health and metrics. */
export async function createServiceApp(modules: readonly DynamicModule[], { runtime, server, prepare }: ServiceAppOptions): Promise<NestApp> {
  return createNestApp([HealthModule.over(runtime), ...modules], { server, logger: runtime.logger, ...(prepare === undefined ? {} : { prepare }) });
}
