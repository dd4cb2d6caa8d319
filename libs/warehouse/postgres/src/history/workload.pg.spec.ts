import { historyWorkloadContract } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';

historyWorkloadContract(postgres);
