import { derivedHistoryContract } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';

derivedHistoryContract(postgres);
