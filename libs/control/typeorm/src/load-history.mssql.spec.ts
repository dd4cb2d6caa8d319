import { loadHistoryContract } from './load-history.contract.fixture';
import { mssql } from './product.fixture';

loadHistoryContract(mssql);
