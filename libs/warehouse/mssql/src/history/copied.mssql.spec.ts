import { copiedHistoryContract } from '@elstream/warehouse-contract';
import { mssql } from '../product.fixture';

copiedHistoryContract(mssql);
