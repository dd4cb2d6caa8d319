import { applyBatchContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

applyBatchContract(postgres);
