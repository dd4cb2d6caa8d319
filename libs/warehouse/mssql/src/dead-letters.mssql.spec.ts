import { describeWith } from '@elstream/testing';
import { deadLettersContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: dead letters', () => {
  deadLettersContract(mssql);
});
