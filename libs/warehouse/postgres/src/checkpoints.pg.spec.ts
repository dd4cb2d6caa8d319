import { checkpointsContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

checkpointsContract(postgres);
