import { Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type SchemaChangeRecord } from '@elstream/control';
import { type z } from 'zod';
import { type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented } from './document.decorators';
import { schemaChangeView } from './healing-views';
import { findSchemaChange, startedRun } from './lookup';
import { schemaChangesQuery } from './requests';
import { type Dto } from './schemas';
import { runView } from './views';

@ApiTags('schema changes')
@Controller('api/v1')
export class SchemaChangesController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get('pipelines/:name/schema-changes')
  @Documented({ summary: 'Lists schema changes of source tables, newest first', answer: ['SchemaChange'], query: schemaChangesQuery }, 'name')
  async list(@Param('name') name: string, @Query(new ZodPipe(schemaChangesQuery)) { table, state, limit }: z.output<typeof schemaChangesQuery>): Promise<Dto<'SchemaChange'>[]> {
    this.services.registry.get(name);
    const found = await this.services.store.readSchemaChanges({ pipeline: name, ...(table === undefined ? {} : { table }), ...(state === undefined ? {} : { state }), limit });
    return found.map(schemaChangeView);
  }

  @Post('schema-changes/:change/accept')
  @Documented({ summary: 'Accepts a proposed schema change', description: 'The warehouse table is emptied, takes the new shape and is preloaded again by the run that is answered.', answer: 'Run', status: 201 }, 'change')
  async accept(@Param('change') id: string, @Res({ passthrough: true }) res: Response): Promise<Dto<'Run'>> {
    const change = await this.proposed(id);
    const run = await startedRun(this.services, change.pipeline, 'load', () => this.services.healing.acceptSchemaChange(change));
    res.setHeader('Location', `/api/v1/runs/${run.id}`);
    return runView(run);
  }

  @Post('schema-changes/:change/decline')
  @HttpCode(200)
  @Documented({ summary: 'Declines a proposed schema change', description: 'The table stays stopped and keeps its rows, until its schema changes again or a run of all stages loads it.', answer: 'SchemaChange' }, 'change')
  async decline(@Param('change') id: string): Promise<Dto<'SchemaChange'>> {
    await this.services.healing.declineSchemaChange(await this.proposed(id));
    return schemaChangeView(await findSchemaChange(this.services, id));
  }

  private async proposed(id: string): Promise<SchemaChangeRecord> {
    const change = await findSchemaChange(this.services, id);
    const { pipeline, table, state } = change;
    this.services.registry.get(pipeline);
    if (state !== 'proposed') throw new HttpProblem(409, 'SCHEMA_CHANGE_DECIDED', `the schema change is ${state}; only one that is proposed can be decided`, { place: { pipeline, table } });
    return change;
  }
}
