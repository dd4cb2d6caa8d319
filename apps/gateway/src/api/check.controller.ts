import { Body, Controller, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type z } from 'zod';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented, DocumentedBody } from './document.decorators';
import { checkBody, checkQuery } from './requests';
import { type Dto } from './schemas';

@ApiTags('pipelines')
@Controller('api/v1/pipelines')
export class CheckController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Post('check')
  @HttpCode(200)
  @Documented({
    summary: 'Checks a pipeline file',
    description: 'Lists everything wrong with it, each with the name of the setting. With connect=true both databases are asked as well; nothing is changed there.',
    answer: 'PipelineCheck',
    query: checkQuery,
  })
  @DocumentedBody(checkBody, { required: true, types: ['application/json', 'application/yaml'] })
  async check(
    @Body(new ZodPipe(checkBody)) yaml: z.output<typeof checkBody>,
    @Query(new ZodPipe(checkQuery)) query: z.output<typeof checkQuery>,
  ): Promise<Dto<'PipelineCheck'>> {
    const { valid, pipeline, problems, warnings } = await this.services.checkPipeline(yaml, query);
    return { valid, pipeline, problems: [...problems], warnings: [...warnings] };
  }
}
