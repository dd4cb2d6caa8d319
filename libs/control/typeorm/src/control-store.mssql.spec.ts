import { controlStoreContract } from './control-store.contract.fixture';
import { mssql } from './product.fixture';

controlStoreContract(mssql);
