import { describeWith } from '@elstream/testing';
import { preloadContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: preloads', () => {
  preloadContract(mssql);
});
