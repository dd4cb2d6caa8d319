import { describeError } from '@elstream/core';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { GATEWAY_SERVICES, type GatewayServices } from './services';

/** Runs the planner of runs as long as the application lives. */
@Injectable()
export class PlannerLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  #running: Promise<void> = Promise.resolve();

  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  onApplicationBootstrap(): void {
    const { planner, logger } = this.services;
    if (planner === null) return;
    this.#running = planner.run().catch((error: unknown) => {
      logger.error({ error: describeError(error) }, 'the planner has ended; runs stand still until the gateway is started again');
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.services.planner?.stop();
    await this.#running;
  }
}
