import { lanesContract } from './lanes.contract.fixture';
import { postgres } from './product.fixture';

lanesContract(postgres);
