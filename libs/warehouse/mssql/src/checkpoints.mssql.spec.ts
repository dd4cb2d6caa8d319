import { checkpointsContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

checkpointsContract(mssql);
