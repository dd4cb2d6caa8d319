import { replayedHistoryContract } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';

replayedHistoryContract(postgres);
