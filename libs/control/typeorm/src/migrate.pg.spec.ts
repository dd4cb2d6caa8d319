import { migrateContract } from './migrate.contract.fixture';
import { postgres } from './product.fixture';

migrateContract(postgres);
