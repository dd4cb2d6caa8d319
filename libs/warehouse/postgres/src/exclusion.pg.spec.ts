import { exclusionContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

exclusionContract(postgres);
