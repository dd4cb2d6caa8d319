import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type z } from 'zod';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented } from './document.decorators';
import { validationView } from './healing-views';
import { validationsQuery } from './requests';
import { type Dto } from './schemas';

@ApiTags('validation')
@Controller('api/v1/pipelines/:name/validations')
export class ValidationsController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get()
  @Documented({ summary: 'Lists what validations of tables came to, newest first', description: 'One entry per table and run, kept for good. GET /api/v1/runs/{id}/differences lists the rows.', answer: ['Validation'], query: validationsQuery }, 'name')
  async list(@Param('name') name: string, @Query(new ZodPipe(validationsQuery)) { table, good, limit }: z.output<typeof validationsQuery>): Promise<Dto<'Validation'>[]> {
    this.services.registry.get(name);
    const found = await this.services.store.readValidations({ pipeline: name, ...(table === undefined ? {} : { table }), ...(good === undefined ? {} : { good }), limit });
    return found.map(validationView);
  }
}
