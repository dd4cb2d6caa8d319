import { itemsWithHistory } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';

export { padding, preload, versions } from '@elstream/warehouse-contract';

export const items = itemsWithHistory(postgres);
