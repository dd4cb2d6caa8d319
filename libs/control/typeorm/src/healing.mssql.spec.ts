import { healingContract } from './healing.contract.fixture';
import { mssql } from './product.fixture';

healingContract(mssql);
