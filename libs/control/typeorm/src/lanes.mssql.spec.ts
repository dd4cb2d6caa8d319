import { lanesContract } from './lanes.contract.fixture';
import { mssql } from './product.fixture';

lanesContract(mssql);
