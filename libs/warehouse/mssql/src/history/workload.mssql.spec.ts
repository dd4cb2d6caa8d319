import { historyWorkloadContract } from '@elstream/warehouse-contract';
import { mssql } from '../product.fixture';

historyWorkloadContract(mssql);
