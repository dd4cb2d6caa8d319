import { carefulChunkContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

carefulChunkContract(mssql);
