import { evolutionContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

evolutionContract(mssql);
