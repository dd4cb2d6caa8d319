import { ElstreamError, type TableMapping } from '@elstream/core';

/** @throws ElstreamError CHUNK_ROWS (refuse) */
export function requireChunkRows(mapping: TableMapping): void {
  if (Number.isSafeInteger(mapping.chunkRows) && mapping.chunkRows >= 1) return;
  throw new ElstreamError('CHUNK_ROWS', 'refuse', `chunkRows of ${mapping.id} is ${mapping.chunkRows}; it must be a whole number of at least 1`, { place: { table: mapping.id } });
}
