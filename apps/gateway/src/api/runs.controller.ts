import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { laneOf, RUN_STAGES, type ValidationScope } from '@elstream/control';
import { type z } from 'zod';
import { type Request, type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented, DocumentedBody } from './document.decorators';
import { findRun, startedRun } from './lookup';
import { eventsQuery, pageQuery, runsQuery, startRunBody } from './requests';
import { tablesOfRun } from './run-tables';
import { type Dto } from './schemas';
import { differenceView, eventView, runDetailView, runView } from './views';

/** Without what was not asked for. */
function scopeOf({ samplePercent, changed, range }: NonNullable<z.output<typeof startRunBody>['scope']> = {}): ValidationScope {
  return { ...(samplePercent === undefined ? {} : { samplePercent }), ...(changed === true ? { changed } : {}), ...(range === undefined ? {} : { range }) };
}

@ApiTags('runs')
@Controller('api/v1')
export class RunsController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Post('pipelines/:name/runs')
  @Documented({ summary: 'Starts a run: preload, then validation; or validation alone', description: 'Refused with 409 while a run of its kind has not ended, and validation also while tables are being loaded; the problem names that run in runId. A run that loads ends a validation in progress.', answer: 'Run', status: 201 }, 'name')
  @DocumentedBody(startRunBody, { required: false })
  async start(
    @Param('name') name: string,
    @Body(new ZodPipe(startRunBody)) body: z.output<typeof startRunBody>,
    @Req() req: Request,
    @Res({ passthrough: true }) res: Response,
  ): Promise<Dto<'Run'>> {
    const { registry, bus, store } = this.services;
    registry.get(name);
    const stages = body.stages ?? RUN_STAGES;
    const scope = scopeOf(body.scope);
    const tables = await tablesOfRun(this.services, name, { tables: body.tables, stages, scope });
    const before = await store.readRuns({ pipeline: name, limit: 1 });
    const reason = before.length === 0 ? 'initial' : 'manual';
    const run = await startedRun(this.services, name, laneOf(stages), () => store.createRun({ pipeline: name, reason, tables, stages, scope }));
    // Ties the request to the run, whose id is in every later line about it, in whatever process.
    req.logFields = { pipeline: name, runId: run.id, reason: run.reason };
    await bus.publish({ type: 'run-changed', pipeline: name, runId: run.id });
    res.setHeader('Location', `/api/v1/runs/${run.id}`);
    return runView(run);
  }

  @Get('pipelines/:name/runs')
  @Documented({ summary: 'Lists the runs of a pipeline, newest first', answer: ['Run'], query: pageQuery }, 'name')
  async listOf(@Param('name') name: string, @Query(new ZodPipe(pageQuery)) query: z.output<typeof pageQuery>): Promise<Dto<'Run'>[]> {
    this.services.registry.get(name);
    return (await this.services.store.readRuns({ pipeline: name, limit: query.limit })).map(runView);
  }

  @Get('runs')
  @Documented({ summary: 'Lists runs, newest first', answer: ['Run'], query: runsQuery })
  async list(@Query(new ZodPipe(runsQuery)) { pipeline, state, limit }: z.output<typeof runsQuery>): Promise<Dto<'Run'>[]> {
    const filter = { ...(pipeline === undefined ? {} : { pipeline }), ...(state === undefined ? {} : { states: [state] }), limit };
    return (await this.services.store.readRuns(filter)).map(runView);
  }

  @Get('runs/:id')
  @Documented({ summary: 'Shows a run with the progress of its tables', answer: 'RunDetail' }, 'id')
  async show(@Param('id') id: string): Promise<Dto<'RunDetail'>> {
    const run = await findRun(this.services, id);
    return runDetailView(run, await this.services.overview.run(run.id));
  }

  @Get('runs/:id/differences')
  @Documented({ summary: 'Lists the first differences a run found, by key', answer: ['Difference'], query: pageQuery }, 'id')
  async differences(@Param('id') id: string, @Query(new ZodPipe(pageQuery)) query: z.output<typeof pageQuery>): Promise<Dto<'Difference'>[]> {
    const run = await findRun(this.services, id);
    const found = await this.services.overview.differences(run.id, query.limit);
    return found.map(differenceView);
  }

  @Get('runs/:id/events')
  @Documented({ summary: 'Lists the events of a run, oldest first', answer: ['RunEvent'], query: eventsQuery }, 'id')
  async events(@Param('id') id: string, @Query(new ZodPipe(eventsQuery)) query: z.output<typeof eventsQuery>): Promise<Dto<'RunEvent'>[]> {
    const run = await findRun(this.services, id);
    return (await this.services.store.readEvents(run.id, query.after, query.limit)).map(eventView);
  }

  @Post('runs/:id/cancel')
  @HttpCode(200)
  @Documented({ summary: 'Cancels a run', description: 'Changes nothing if it is cancelled already; refused with 409 if it ended otherwise. The stream goes on.', answer: 'Run' }, 'id')
  async cancel(@Param('id') id: string): Promise<Dto<'Run'>> {
    const { store, bus } = this.services;
    const { pipeline } = await findRun(this.services, id);
    if (await store.endRun(id, 'cancelled', 'cancelled by request')) await bus.publish({ type: 'run-changed', pipeline, runId: id });
    const run = await findRun(this.services, id);
    if (run.state !== 'cancelled') throw new HttpProblem(409, 'RUN_ENDED', `the run has ended: ${run.state}`, { runId: id, place: { pipeline } });
    return runView(run);
  }
}
