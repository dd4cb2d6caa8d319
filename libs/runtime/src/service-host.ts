import { describeError, type Logger, type Service } from '@elstream/core';

/**
 * Runs services for the life of a Nest application: its two hooks are found by name. The service starts when the
 * application is complete; the application's shutdown waits until the work in hand is settled (R12).
 */
export class ServiceHost {
  private readonly running: Promise<void>[] = [];

  constructor(
    private readonly name: string,
    private readonly services: readonly Service[],
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    for (const service of this.services) this.running.push(this.run(service));
    this.logger.info({ service: this.name }, 'service started');
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
    await Promise.all(this.running);
    this.logger.info({ service: this.name }, 'service stopped');
  }

  private async run(service: Service): Promise<void> {
    try {
      await service.run();
    } catch (error) {
      // No loop of ours ends by an error: this is a defect, to be seen in the log and by the silent loop in /health/live.
      this.logger.error({ service: this.name, error: describeError(error) }, 'service ended by itself');
    }
  }
}
