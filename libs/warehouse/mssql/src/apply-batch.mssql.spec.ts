import { describeWith } from '@elstream/testing';
import { applyBatchContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: batches', () => {
  applyBatchContract(mssql);
});
