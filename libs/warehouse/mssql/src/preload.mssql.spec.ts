import { preloadContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

preloadContract(mssql);
