import { controlStoreContract } from './control-store.contract.fixture';
import { postgres } from './product.fixture';

controlStoreContract(postgres);
