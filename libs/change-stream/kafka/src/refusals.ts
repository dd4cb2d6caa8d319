import { type TableMapping } from '@elstream/core';
import { DEBEZIUM_DEFAULTS, LOSSLESS_MODES, refusedColumns, type ConnectorPlan } from '@elstream/debezium';

/**
 * Columns that Debezium would carry with loss, or that would stop its task, as sentences for people (R1). Types are known
 * where a mapping was just made from the catalog (`native`); other columns are passed over.
 */
export function refusalsOf(tables: readonly TableMapping[], { connector, handling }: Pick<ConnectorPlan, 'connector' | 'handling'>): string[] {
  return tables.flatMap((mapping) =>
    refusedColumns({ mapping, natives: mapping.columns.map(({ native }) => native ?? ''), connector, handling }).map(
      ({ column, native, why }) => `column ${column} of table ${mapping.id} (${native}) ${why} (tables.settings.columns.exclude), or set stream.type to direct`,
    ),
  );
}

/** The same before there is a stream: of the modes that our connectors are registered with. */
export function refusalsBefore(tables: readonly TableMapping[], connector: ConnectorPlan['connector']): string[] {
  return refusalsOf(tables, { connector, handling: { ...DEBEZIUM_DEFAULTS, ...LOSSLESS_MODES[connector] } });
}
