import { applyBatchContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

applyBatchContract(mssql);
