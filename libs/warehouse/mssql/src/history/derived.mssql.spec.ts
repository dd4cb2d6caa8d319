import { derivedHistoryContract } from '@elstream/warehouse-contract';
import { mssql } from '../product.fixture';

derivedHistoryContract(mssql);
