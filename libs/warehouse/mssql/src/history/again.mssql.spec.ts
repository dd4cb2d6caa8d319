import { historyAgainContract } from '@elstream/warehouse-contract';
import { mssql } from '../product.fixture';

historyAgainContract(mssql);
