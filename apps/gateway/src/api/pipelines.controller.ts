import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type z } from 'zod';
import { HttpProblem } from '../http/problem';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented } from './document.decorators';
import { removeQuery } from './requests';
import { type Dto } from './schemas';
import { lagView, pipelineView } from './views';

@ApiTags('pipelines')
@Controller('api/v1/pipelines')
export class PipelinesController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get()
  @Documented({ summary: 'Lists the pipelines of this installation', answer: ['Pipeline'] })
  async list(): Promise<Dto<'Pipeline'>[]> {
    return Promise.all(this.services.registry.names().map(async (name) => this.show(name)));
  }

  @Get(':name')
  @Documented({ summary: 'Shows how a pipeline stands', description: 'Lag is computed when asked.', answer: 'Pipeline' }, 'name')
  async show(@Param('name') name: string): Promise<Dto<'Pipeline'>> {
    const { settings } = this.services.registry.get(name);
    return pipelineView(await this.services.overview.pipeline(name), settings);
  }

  @Get(':name/lag')
  @Documented({ summary: 'Tells how far behind the stream is', answer: 'Lag' }, 'name')
  async lag(@Param('name') name: string): Promise<Dto<'Lag'>> {
    const { settings } = this.services.registry.get(name);
    return lagView(await this.services.overview.pipeline(name), settings);
  }

  @Post(':name/pause')
  @HttpCode(200)
  @Documented({ summary: 'Pauses the stream', description: 'Changes nothing if it is paused. The source keeps its log meanwhile, up to the limit of the pipeline.', answer: 'Pipeline' }, 'name')
  async pause(@Param('name') name: string): Promise<Dto<'Pipeline'>> {
    const { registry, store, bus } = this.services;
    registry.get(name);
    await store.setPaused(name, true);
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    return this.show(name);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @Documented({ summary: 'Lets the stream go on', description: 'Ends a pause, and clears the error the stream stands still for, so that it is tried again.', answer: 'Pipeline' }, 'name')
  async resume(@Param('name') name: string): Promise<Dto<'Pipeline'>> {
    const { registry, store, bus } = this.services;
    registry.get(name);
    // The error first: a stream that sees the pause lifted must not find the old error and stay.
    await store.setStreamError(name, null);
    await store.setPaused(name, false);
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    return this.show(name);
  }

  @Delete(':name')
  @HttpCode(204)
  @Documented(
    {
      summary: 'Removes a pipeline',
      description: 'Removes slot and publication at the source and everything remembered of the pipeline. Its tables in the warehouse stay. An active run is cancelled.',
      answer: null,
      query: removeQuery,
    },
    'name',
  )
  async remove(@Param('name') name: string, @Query(new ZodPipe(removeQuery)) query: z.output<typeof removeQuery>): Promise<void> {
    const { registry, metrics, logger } = this.services;
    registry.get(name);
    if (query.confirm !== name) {
      throw new HttpProblem(400, 'CONFIRMATION_WRONG', `to remove the pipeline send ?confirm=${encodeURIComponent(name)}`, { place: { pipeline: name } });
    }
    await registry.remove(name);
    await metrics.forgetPipeline(name);
    logger.info({ pipeline: name }, 'pipeline removed');
  }
}
