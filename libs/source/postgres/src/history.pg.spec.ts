import { historyContract } from '@elstream/testing';
import { HARNESS } from './source-fixture.fixture';

historyContract(HARNESS);
