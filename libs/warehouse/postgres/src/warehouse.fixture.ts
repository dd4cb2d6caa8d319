import type { TableMapping } from '@elstream/core';
import { mappingOf as mappingFor, PIPELINE, WarehouseFixture as ContractFixture, type ColumnLine } from '@elstream/warehouse-contract';
import type { EntityDataSource } from '@elstream/database';
import type { TestDatabase } from '@elstream/testing';
import { postgres, type PostgresTestWarehouse } from './product.fixture';

export { bytesOf, event, offsetAt } from '@elstream/warehouse-contract';

/** A PostgreSQL warehouse of a test, with what the suites of its own ask of it. */
export class WarehouseFixture extends ContractFixture {
  static readonly pipeline = PIPELINE;

  private constructor(private readonly own: PostgresTestWarehouse) {
    super(own);
  }

  static async create(): Promise<WarehouseFixture> {
    const fixture = new WarehouseFixture(await postgres.create());
    await fixture.begin();
    return fixture;
  }

  get db(): TestDatabase {
    return this.own.db;
  }

  get dataSource(): EntityDataSource {
    return this.own.dataSource;
  }
}

/** A mapping of a table `name` with columns `[name, warehouse type, kind]`; the first `keys` are the key. */
export function mappingOf(name: string, columns: readonly ColumnLine[], keys = 1): TableMapping {
  return mappingFor(postgres, name, columns, keys);
}
