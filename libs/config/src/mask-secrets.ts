import { ElstreamError, type MappedColumn, type TableMapping } from '@elstream/core';
import { effectiveSetting } from './effective-setting';
import type { PipelineConfig } from './pipeline-schema';

/** The mapping without the secrets of its masks, as it may be stored (R10). */
export function stripSecrets(mapping: TableMapping): TableMapping {
  return { ...mapping, columns: mapping.columns.map((c) => (c.mask?.kind === 'hash' ? { ...c, mask: { kind: 'hash', secret: '' } } : c)) };
}

/**
 * A stored mapping with the secrets of the configuration put back in. A masked column that the file no longer masks by
 * a hash throws `MASK_SECRET_MISSING` (stop): its rows must not be written under an empty key, nor in clear.
 */
export function withSecrets(mapping: TableMapping, config: PipelineConfig): TableMapping {
  const { mask } = effectiveSetting(config, mapping.source);
  const restore = (column: MappedColumn): MappedColumn => {
    if (column.mask?.kind !== 'hash') return column;
    const configured = mask.get(column.source);
    if (configured?.kind === 'hash') return { ...column, mask: configured };
    throw new ElstreamError('MASK_SECRET_MISSING', 'stop', `column ${column.source} is stored as a keyed hash, but the pipeline file no longer masks it so; restore tables.settings[].columns.mask, or start a new run`, {
      place: { pipeline: config.name, table: mapping.id, setting: `columns.mask.${column.source}` },
    });
  };
  return { ...mapping, columns: mapping.columns.map(restore) };
}
