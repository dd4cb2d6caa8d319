import { replayedHistoryContract } from '@elstream/warehouse-contract';
import { mssql } from '../product.fixture';

replayedHistoryContract(mssql);
