import { carefulChunkContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';

carefulChunkContract(postgres);
