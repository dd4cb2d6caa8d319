import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { answerLive, answerMetrics, answerReady } from '@elstream/runtime';
import { type Response } from '../http/messages';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented, documentedProblem } from './document.decorators';
import { type Dto } from './schemas';

/** Answered without a token: names and numbers only. */
@ApiTags('health')
@Controller()
export class HealthController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get('health/live')
  @Documented({ summary: 'Is the process alive?', description: '503: a work loop hangs, start the process again.', answer: 'Liveness', open: true })
  live(@Res({ passthrough: true }) res: Response): Dto<'Liveness'> {
    const { live, loops } = answerLive(this.services, res);
    return { live, loops: loops.map((loop) => ({ ...loop })) };
  }

  @Get('health/ready')
  @Documented({ summary: 'Can the process do its work?', description: '503: something it needs is missing; it is not to be started again for that.', answer: 'Readiness', open: true })
  async ready(@Res({ passthrough: true }) res: Response): Promise<Dto<'Readiness'>> {
    const { ready, checks } = await answerReady(this.services, res);
    return { ready, checks: checks.map((check) => ({ ...check })) };
  }

  @Get('metrics')
  @ApiOperation({ summary: 'Metrics in the Prometheus text format', security: [] })
  @ApiResponse({ status: 200, description: 'OK', content: { 'text/plain': { schema: { type: 'string' } } } })
  @documentedProblem()
  async metrics(@Res() res: Response): Promise<void> {
    await answerMetrics(this.services, res);
  }
}
