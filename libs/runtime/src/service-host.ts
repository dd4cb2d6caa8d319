import { describeError, type Logger, type Service } from '@elstream/core';

/**
 * Runs services for the life of a Nest application: its two hooks are found by name. The service starts when the
 * application is complete. The application's shutdown waits until the work in hand is settled (R12), before HTTP ends:
 * who asks meanwhile is told "unready" rather than nothing.
 */
export class ServiceHost {
  private readonly running: Promise<void>[] = [];
  private stopping = false;

  constructor(
    private readonly name: string,
    private readonly services: readonly Service[],
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    for (const service of this.services) this.running.push(this.run(service));
    this.logger.info({ service: this.name }, 'service started');
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.services.map((service) => service.stop()));
    await Promise.all(this.running);
    this.logger.info({ service: this.name }, 'service stopped');
  }

  private async run(service: Service): Promise<void> {
    try {
      await service.run();
    } catch (error) {
      this.logger.error({ service: this.name, error: describeError(error) }, 'service ended by itself');
      // No loop of ours ends by an error: this is a defect, and a process without its loop is worth nothing. Uncaught, it ends the process, to be started again.
      if (!this.stopping) setImmediate(() => { throw error; });
    }
  }
}
