import { healingContract } from './healing.contract.fixture';
import { mssql } from './product.fixture';

// A server makes and drops databases slowly.
jest.setTimeout(240_000);
healingContract(mssql);
