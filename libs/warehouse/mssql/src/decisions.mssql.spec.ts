import { describeWith } from '@elstream/testing';
import { decisionsContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: decisions', () => {
  decisionsContract(mssql);
});
