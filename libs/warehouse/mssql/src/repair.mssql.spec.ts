import { repairContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

repairContract(mssql);
