import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { RUN_STAGES, type Run, type RunStage } from '@elstream/control';
import { ElstreamError } from '@elstream/core';
import { type z } from 'zod';
import { type Request, type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented, DocumentedBody } from './document.decorators';
import { activeRun, findRun } from './lookup';
import { type Dto, eventsQuery, pageQuery, runsQuery, startRunBody } from './schemas';
import { eventView, runDetailView, runView } from './views';

@ApiTags('runs')
@Controller('api/v1')
export class RunsController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Post('pipelines/:name/runs')
  @Documented({ summary: 'Starts a run: preload, then validation; or validation alone', description: 'Refused with 409 while a run of the pipeline has not ended; the problem names it in runId.', answer: 'Run', status: 201 }, 'name')
  @DocumentedBody(startRunBody, { required: false })
  async start(
    @Param('name') name: string,
    @Body(new ZodPipe(startRunBody)) body: z.output<typeof startRunBody>,
    @Req() req: Request,
    @Res({ passthrough: true }) res: Response,
  ): Promise<Dto<'Run'>> {
    const { registry, bus } = this.services;
    registry.get(name);
    const stages = body.stages ?? RUN_STAGES;
    const tables = await this.tablesOf(name, body.tables, stages);
    const run = await this.create(name, tables, stages);
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
    return found.map(({ table, key, kind, columns }) => ({ table, key, kind, columns: [...columns] }));
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

  /** The wanted tables, each known; empty: all, which `prepare` finds out. */
  private async tablesOf(pipeline: string, wanted: readonly string[] | undefined, stages: readonly RunStage[]): Promise<readonly string[]> {
    const prepared = !stages.includes('prepare');
    if (wanted === undefined && !prepared) return [];
    const known = new Set((await this.services.store.readMappings(pipeline)).map((mapping) => mapping.id));
    if (prepared && known.size === 0) throw new HttpProblem(422, 'PIPELINE_UNPREPARED', 'the pipeline was never prepared, so there is nothing to compare; start a run of all stages first', { place: { pipeline } });
    if (wanted === undefined) return [...known];
    const unknown = wanted.find((table) => !known.has(table));
    if (unknown === undefined) return [...new Set(wanted)];
    const remedy = known.size === 0 ? 'the pipeline was never prepared; start a run of all tables first' : `GET /api/v1/pipelines/${encodeURIComponent(pipeline)} lists its tables`;
    throw new HttpProblem(422, 'TABLE_UNKNOWN', `the pipeline has no table '${unknown}': ${remedy}`, { place: { pipeline, table: unknown } });
  }

  private async create(pipeline: string, tables: readonly string[], stages: readonly RunStage[]): Promise<Run> {
    const { store } = this.services;
    const before = await store.readRuns({ pipeline, limit: 1 });
    try {
      return await store.createRun({ pipeline, reason: before.length === 0 ? 'initial' : 'manual', tables, stages });
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== 'RUN_ACTIVE') throw error;
      const active = await activeRun(this.services, pipeline);
      const named = active === null ? 'another run of the pipeline has not ended' : `run ${active.id} of the pipeline has not ended`;
      throw new HttpProblem(409, 'RUN_ACTIVE', `${named}; wait for it or cancel it`, { ...(active === null ? {} : { runId: active.id }), place: { pipeline } });
    }
  }
}
