import { crashContract } from './crash.contract.fixture';
import { mssql } from './product.fixture';

crashContract(mssql);
