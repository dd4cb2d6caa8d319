import { type TableMapping } from '@elstream/core';
import { type SourceDatabase, type TableSelection } from '@elstream/source';

/** Rows by the source's statistics; null: unknown. */
export async function estimateSource(source: SourceDatabase, selection: TableSelection, mapping: TableMapping): Promise<number | null> {
  const tables = await source.describe(selection);
  const found = tables.find(({ schema }) => schema.schema === mapping.source.schema && schema.name === mapping.source.name);
  return found?.estimatedRows ?? null;
}

/** Rows counted by reading the table chunk by chunk: exact on a table at rest, and never one long query on the source (R14). */
export async function countSource(source: SourceDatabase, mapping: TableMapping, signal: AbortSignal): Promise<number> {
  let rows = 0;
  for await (const range of source.planChunks(mapping, signal)) {
    const chunk = await source.readChunk(mapping, range, signal);
    for await (const _bytes of chunk.rows) signal.throwIfAborted();
    rows += chunk.count();
  }
  return rows;
}
