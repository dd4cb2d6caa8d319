import type { ServerResponse } from 'node:http';
import { Controller, Get, Inject, Module, Res, type DynamicModule } from '@nestjs/common';
import type { Liveness, Readiness } from '@elstream/observability';
import { answerLive, answerMetrics, answerReady, type HealthSource } from './health-answers';

const HEALTH_SOURCE = Symbol('HealthSource');

@Controller()
class HealthController {
  constructor(@Inject(HEALTH_SOURCE) private readonly source: HealthSource) {}

  @Get('health/live')
  live(@Res({ passthrough: true }) res: unknown): Liveness {
    return answerLive(this.source, res as ServerResponse);
  }

  @Get('health/ready')
  async ready(@Res({ passthrough: true }) res: unknown): Promise<Readiness> {
    return answerReady(this.source, res as ServerResponse);
  }

  @Get('metrics')
  async metrics(@Res() res: unknown): Promise<void> {
    await answerMetrics(this.source, res as ServerResponse);
  }
}

/** `/health/live`, `/health/ready` and `/metrics` of a service that has no other routes. */
@Module({})
export class HealthModule {
  static over(source: HealthSource): DynamicModule {
    return { module: HealthModule, controllers: [HealthController], providers: [{ provide: HEALTH_SOURCE, useValue: source }] };
  }
}
