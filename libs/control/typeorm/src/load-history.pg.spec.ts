import { loadHistoryContract } from './load-history.contract.fixture';
import { postgres } from './product.fixture';

loadHistoryContract(postgres);
