import { exclusionContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

exclusionContract(mssql);
