import { leasesContract } from './leases.contract.fixture';
import { mssql } from './product.fixture';

leasesContract(mssql);
