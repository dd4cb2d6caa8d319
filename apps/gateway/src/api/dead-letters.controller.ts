import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type z } from 'zod';
import { type Response } from '../http/messages';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { parkedFilter } from './dead-letter-choice';
import { Documented, DocumentedBody } from './document.decorators';
import { deadLetterDetailView, deadLetterView } from './healing-views';
import { findDeadLetter, startedRun } from './lookup';
import { deadLettersQuery, discardBody, replayBody } from './requests';
import { type Dto } from './schemas';
import { repairRunView } from './views';

@ApiTags('dead letters')
@Controller('api/v1')
export class DeadLettersController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get('pipelines/:name/dead-letters')
  @Documented({ summary: 'Lists dead letters, newest first', description: 'Of the values only the key is shown; GET /api/v1/dead-letters/{id} shows the rest.', answer: ['DeadLetter'], query: deadLettersQuery }, 'name')
  async list(@Param('name') name: string, @Query(new ZodPipe(deadLettersQuery)) { table, code, state, after, limit }: z.output<typeof deadLettersQuery>): Promise<Dto<'DeadLetter'>[]> {
    this.services.registry.get(name);
    const filter = { ...(table === undefined ? {} : { table }), ...(code === undefined ? {} : { code }), ...(state === undefined ? {} : { state }), ...(after === undefined ? {} : { after }) };
    return (await this.services.store.readDeadLetters({ pipeline: name, ...filter, limit })).map(deadLetterView);
  }

  @Get('pipelines/:name/dead-letters/counts')
  @Documented({ summary: 'Counts dead letters by table, reason and state', answer: ['DeadLetterCount'] }, 'name')
  async counts(@Param('name') name: string): Promise<Dto<'DeadLetterCount'>[]> {
    this.services.registry.get(name);
    return (await this.services.store.countDeadLetters(name)).map(({ table, code, state, count }) => ({ table, code, state, count }));
  }

  @Get('dead-letters/:letter')
  @Documented({ summary: 'Shows a dead letter with its bytes and its decoded row', description: 'Masks of the pipeline are applied in both.', answer: 'DeadLetterDetail' }, 'letter')
  async show(@Param('letter') id: string): Promise<Dto<'DeadLetterDetail'>> {
    const letter = await findDeadLetter(this.services, id);
    const mappings = await this.services.store.readMappings(letter.pipeline);
    return deadLetterDetailView(letter, mappings.find((mapping) => mapping.id === letter.table) ?? null);
  }

  @Post('pipelines/:name/dead-letters/replay')
  @Documented(
    {
      summary: 'Replays parked dead letters',
      description: "Each is a repair of its key: the row as the source has it now is written, the dead letter's own image never. What still cannot be written stays parked, with a note. Events that could not be decoded have no key; discard them.",
      answer: 'RepairRun',
      status: 201,
    },
    'name',
  )
  @DocumentedBody(replayBody, { required: true })
  async replay(@Param('name') name: string, @Body(new ZodPipe(replayBody)) body: z.output<typeof replayBody>, @Res({ passthrough: true }) res: Response): Promise<Dto<'RepairRun'>> {
    const filter = await parkedFilter(this.services, name, body);
    const planned = await startedRun(this.services, name, 'repair', () => this.services.healing.replay(filter));
    res.setHeader('Location', `/api/v1/runs/${planned.run.id}`);
    return repairRunView(planned);
  }

  @Post('pipelines/:name/dead-letters/discard')
  @HttpCode(200)
  @Documented({ summary: 'Discards parked dead letters, with a reason', description: 'They are kept, and no longer replayed or counted as parked. The rows they were about stay as they are.', answer: 'DeadLettersDiscarded' }, 'name')
  @DocumentedBody(discardBody, { required: true })
  async discard(@Param('name') name: string, @Body(new ZodPipe(discardBody)) { reason, ...choice }: z.output<typeof discardBody>): Promise<Dto<'DeadLettersDiscarded'>> {
    const { healing, logger } = this.services;
    const discarded = await healing.discard(await parkedFilter(this.services, name, choice), reason);
    logger.info({ pipeline: name, discarded }, 'dead letters discarded');
    return { discarded };
  }
}
