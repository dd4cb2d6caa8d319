import { describeWith } from '@elstream/testing';
import { exclusionContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: exclusion', () => {
  exclusionContract(mssql);
});
