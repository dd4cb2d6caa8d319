import { preloadContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

preloadContract(postgres);
