import { decisionsContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

decisionsContract(mssql);
