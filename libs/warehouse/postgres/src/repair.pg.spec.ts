import { repairContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

repairContract(postgres);
