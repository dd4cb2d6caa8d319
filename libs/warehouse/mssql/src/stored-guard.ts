import { ElstreamError, type TableMapping } from '@elstream/core';
import { t, type MssqlParams, type TSql } from '@elstream/database';
import { leave } from './server-transaction';
import { hashOf, isStored } from './stored-mapping';

export const STORED_SQL = `SELECT p.mapping, ${hashOf('p.mapping')} AS hash FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table;`;

/**
 * Parameter `mapping_hash` for `refuseOutdated`: of the stored mapping, where that is the one given; null where none is stored.
 *
 * @throws ElstreamError `MAPPING_OUTDATED` (retry): what was read with an earlier mapping is read again with the one that is stored
 */
export async function currentMapping(sql: TSql, pipeline: string, mapping: TableMapping): Promise<MssqlParams> {
  const [found] = await sql.rows<{ mapping: string; hash: string }>(STORED_SQL, { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(mapping.id, 300) });
  if (found !== undefined && !isStored(found.mapping, mapping)) throw outdated(pipeline, mapping);
  return { mapping_hash: t.nvarchar(found?.hash ?? null, 64) };
}

/** In the transaction, under the table's locks: outcome `outdated` if another mapping was stored meanwhile. */
export const refuseOutdated = `IF ISNULL((SELECT ${hashOf('p.mapping')} FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table), '') <> ISNULL(@mapping_hash, N'')
${leave('outdated')}`;

export function outdated(pipeline: string, mapping: TableMapping): ElstreamError {
  return new ElstreamError('MAPPING_OUTDATED', 'retry', 'the table has other columns by now than when its rows were read; they are read again', { place: { pipeline, table: mapping.id } });
}
