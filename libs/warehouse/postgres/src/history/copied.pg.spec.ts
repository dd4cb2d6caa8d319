import { copiedHistoryContract } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';

copiedHistoryContract(postgres);
