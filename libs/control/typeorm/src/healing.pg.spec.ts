import { healingContract } from './healing.contract.fixture';
import { postgres } from './product.fixture';

healingContract(postgres);
