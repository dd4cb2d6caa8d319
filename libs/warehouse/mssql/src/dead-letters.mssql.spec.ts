import { deadLettersContract } from '@elstream/warehouse-contract';
import { mssql } from './product.fixture';

deadLettersContract(mssql);
