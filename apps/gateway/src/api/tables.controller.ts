import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type TableMapping } from '@elstream/core';
import { type PipelineHandle } from '@elstream/replication';
import { type z } from 'zod';
import { type Request } from '../http/messages';
import { ZodPipe } from '../http/zod.pipe';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented } from './document.decorators';
import { findTable } from './lookup';
import { countsQuery } from './requests';
import { type Dto } from './schemas';
import { countSource, estimateSource } from './source-counts';

@ApiTags('tables')
@Controller('api/v1/pipelines/:name/tables')
export class TablesController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get(':table/counts')
  @Documented(
    {
      summary: 'Counts a table on both sides',
      description: 'Exact in the warehouse; at the source estimated from statistics unless exact=true, which reads the whole table.',
      answer: 'TableCounts',
      query: countsQuery,
    },
    'name',
    'table',
  )
  async counts(
    @Param('name') name: string,
    @Param('table') table: string,
    @Query(new ZodPipe(countsQuery)) { exact }: z.output<typeof countsQuery>,
    @Req() req: Request,
  ): Promise<Dto<'TableCounts'>> {
    const handle = this.services.registry.get(name);
    const mapping = await findTable(this.services, name, table);
    const [rows, warehouseRows] = await Promise.all([this.sourceRows(handle, mapping, { exact, req }), handle.warehouse.countRows(mapping)]);
    return { pipeline: name, table, source: { rows, exact }, warehouse: { rows: warehouseRows, exact: true } };
  }

  private async sourceRows(handle: PipelineHandle, mapping: TableMapping, { exact, req }: { readonly exact: boolean; readonly req: Request }): Promise<number | null> {
    const source = await handle.source();
    if (!exact) return estimateSource(source, handle.settings.selection, mapping);
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    req.socket.once('close', abort);
    try {
      return await countSource(source, mapping, gone.signal);
    } finally {
      req.socket.removeListener('close', abort);
    }
  }
}
