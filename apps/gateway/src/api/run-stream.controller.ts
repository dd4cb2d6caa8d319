import { Controller, Get, Headers, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { type Request, type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { documentedProblem } from './document.decorators';
import { EventStreams } from './event-streams';
import { findRun } from './lookup';
import { hasEnded } from './views';

@ApiTags('runs')
@Controller('api/v1/runs')
export class RunStreamController {
  constructor(
    @Inject(GATEWAY_SERVICES) private readonly services: GatewayServices,
    @Inject(EventStreams) private readonly streams: EventStreams,
  ) {}

  @Get(':id/stream')
  @ApiOperation({
    summary: 'Sends the events of a run as they happen (server-sent events)',
    description: 'Every event carries its id; with the header Last-Event-ID the stream goes on after it. The last one is `end`; a client that comes back after it gets 204, which stops an EventSource.',
  })
  @ApiParam({ name: 'id', description: 'Id of the run', schema: { type: 'string' } })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Id of the last event seen', schema: { type: 'string' } })
  @ApiResponse({ status: 200, description: 'Events', content: { 'text/event-stream': { schema: { type: 'string' } } } })
  @ApiResponse({ status: 204, description: 'The run has ended and everything was seen' })
  @documentedProblem()
  async stream(@Param('id') id: string, @Headers('last-event-id') lastEventId: string | undefined, @Req() req: Request, @Res() res: Response): Promise<void> {
    const after = positionOf(lastEventId);
    const run = await findRun(this.services, id);
    const seenAll = lastEventId !== undefined && hasEnded(run) && (await this.services.store.readEvents(id, after, 1)).length === 0;
    if (seenAll || req.method === 'HEAD') {
      res.statusCode = seenAll ? 204 : 200;
      res.end();
      return;
    }
    await this.streams.serve(id, after, res);
  }
}

function positionOf(lastEventId: string | undefined): number {
  if (lastEventId === undefined || lastEventId === '') return 0;
  const id = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : null;
  if (id === null) throw new HttpProblem(400, 'REQUEST_INVALID', 'Last-Event-ID must be the id of an event of this stream, a whole number');
  return id;
}
