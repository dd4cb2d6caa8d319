import { crashContract } from './crash.contract.fixture';
import { postgres } from './product.fixture';

crashContract(postgres);
