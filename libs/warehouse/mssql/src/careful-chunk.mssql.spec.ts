import { describeWith } from '@elstream/testing';
import { carefulChunkContract } from '@elstream/warehouse-contract';
import { mssql, NEEDED } from './product.fixture';

describeWith(NEEDED, 'SQL Server: chunks with bad rows', () => {
  carefulChunkContract(mssql);
});
