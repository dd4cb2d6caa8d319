import { describeWith } from '@elstream/testing';
import { checkpointsContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: checkpoints', () => {
  checkpointsContract(mssql);
});
