import { decisionsContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

decisionsContract(postgres);
