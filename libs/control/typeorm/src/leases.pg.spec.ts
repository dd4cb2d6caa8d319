import { leasesContract } from './leases.contract.fixture';
import { postgres } from './product.fixture';

leasesContract(postgres);
