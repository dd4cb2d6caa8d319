import { Body, Controller, Inject, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type z } from 'zod';
import { type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { ZodPipe } from '../http/zod.pipe';
import { type GatewayServices, GATEWAY_SERVICES, type WantedRepair } from '../services';
import { Documented, DocumentedBody } from './document.decorators';
import { findRun, findTable, startedRun } from './lookup';
import { repairBody, resetBody } from './requests';
import { type Dto } from './schemas';
import { repairRunView, runView } from './views';

@ApiTags('repair')
@Controller('api/v1/pipelines/:name')
export class RepairsController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Post('repairs')
  @Documented(
    {
      summary: 'Repairs rows: those a run found different, or chosen ones',
      description: 'Each row is read at the source and written unless somebody else writes there at that moment; the stream goes on. GET /api/v1/runs/{id} tells what was done.',
      answer: 'RepairRun',
      status: 201,
    },
    'name',
  )
  @DocumentedBody(repairBody, { required: true })
  async repair(@Param('name') name: string, @Body(new ZodPipe(repairBody)) body: z.output<typeof repairBody>, @Res({ passthrough: true }) res: Response): Promise<Dto<'RepairRun'>> {
    this.services.registry.get(name);
    const wanted = await this.wanted(name, body);
    const planned = await startedRun(this.services, name, 'repair', () => this.services.healing.repair(name, wanted));
    res.setHeader('Location', `/api/v1/runs/${planned.run.id}`);
    return repairRunView(planned);
  }

  @Post('reset')
  @Documented(
    {
      summary: 'Resets a pipeline or some of its tables: everything is loaded again',
      description: 'Active runs are cancelled, parked dead letters of the tables discarded. Without dropData rows are replaced in place, and what users made on the tables stays; with it tables and history are dropped first.',
      answer: 'Run',
      status: 201,
    },
    'name',
  )
  @DocumentedBody(resetBody, { required: true })
  async reset(@Param('name') name: string, @Body(new ZodPipe(resetBody)) { confirm, dropData, tables }: z.output<typeof resetBody>, @Res({ passthrough: true }) res: Response): Promise<Dto<'Run'>> {
    this.services.registry.get(name);
    if (confirm !== name) throw new HttpProblem(400, 'CONFIRMATION_WRONG', `to reset the pipeline send {"confirm": ${JSON.stringify(name)}}`, { place: { pipeline: name } });
    for (const table of tables ?? []) await findTable(this.services, name, table);
    const run = await startedRun(this.services, name, 'load', () => this.services.healing.reset(name, { dropData, ...(tables === undefined ? {} : { tables: [...new Set(tables)] }) }));
    res.setHeader('Location', `/api/v1/runs/${run.id}`);
    return runView(run);
  }

  private async wanted(pipeline: string, { run: runId, table = '', keys = [], of = 'row' }: z.output<typeof repairBody>): Promise<WantedRepair> {
    if (runId === undefined) return this.keysOf(pipeline, { table, keys, of });
    const run = await findRun(this.services, runId);
    if (run.pipeline !== pipeline) throw new HttpProblem(404, 'RUN_UNKNOWN', `the pipeline has no run '${runId}'; it is one of pipeline '${run.pipeline}'`, { place: { pipeline } });
    return { runId: run.id };
  }

  private async keysOf(pipeline: string, wanted: Extract<WantedRepair, { readonly table: string }>): Promise<WantedRepair> {
    const { table, keys } = wanted;
    const mapping = await findTable(this.services, pipeline, table);
    const wrong = keys.findIndex((key) => key.length !== mapping.key.length);
    if (wrong >= 0) throw new HttpProblem(422, 'KEY_INVALID', `keys[${wrong}] has ${keys[wrong]?.length ?? 0} cells, but the key of '${table}' has ${mapping.key.length}`, { place: { pipeline, table } });
    const state = (await this.services.registry.get(pipeline).warehouse.readTableStates(pipeline)).find((s) => s.table === table);
    const phase = state?.phase ?? 'new';
    if (phase === 'new' || phase === 'stopped') throw new HttpProblem(409, 'TABLE_NOT_LIVE', `table '${table}' is ${phase}: it is mended by a preload; start a run of all stages`, { place: { pipeline, table } });
    return wanted;
  }
}
