import type { Product } from '@elstream/core';
import { productOf } from '@elstream/database';
import type { DataSource } from 'typeorm';
import type { ControlDialect } from './dialect';
import { mssqlDialect } from './mssql';
import { postgresDialect } from './postgres';

export type { ControlDialect } from './dialect';

const dialects: Readonly<Record<Product, ControlDialect>> = { postgres: postgresDialect, mssql: mssqlDialect };

/** How the DataSource's product is spoken to. */
export function dialectOf(dataSource: DataSource): ControlDialect {
  return dialects[productOf(dataSource)];
}
