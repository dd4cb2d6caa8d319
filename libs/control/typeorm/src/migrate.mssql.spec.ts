import { migrateContract } from './migrate.contract.fixture';
import { mssql } from './product.fixture';

migrateContract(mssql);
