import { ElstreamError, isHeldByAll, type TableMapping } from '@elstream/core';

/**
 * SQL Server's texts may hold what no text of PostgreSQL does. The driver would make another character of half a surrogate
 * pair, and with it another key, of a row that is none of ours. Throws ElstreamError `VALUE_UNFIT` (park).
 */
export function requireHoldableKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): void {
  for (const key of keys) {
    const at = key.findIndex((cell) => !isHeldByAll(cell));
    if (at < 0) continue;
    const column = mapping.columns[mapping.key[at] ?? -1]?.source ?? String(at);
    throw new ElstreamError('VALUE_UNFIT', 'park', `key column ${column} holds U+0000 or half of a surrogate pair, which no text of PostgreSQL does; correct the key at the source`, { place: { table: mapping.id } });
  }
}
