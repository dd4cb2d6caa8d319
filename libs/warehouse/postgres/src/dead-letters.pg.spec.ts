import { deadLettersContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

deadLettersContract(postgres);
