import type { TableMapping } from '@elstream/core';
import type { EntityDataSource, Mssql } from '@elstream/database';
import type { Target } from './target';

/** What the parts of a warehouse share. */
export interface WarehouseParts {
  readonly dataSource: EntityDataSource;
  /** The gate over `dataSource`. */
  readonly db: Mssql;
  readonly pipeline: string;
  /** The table's target, its entities known to the data source. */
  readonly targetOf: (mapping: TableMapping) => Promise<Target>;
}
