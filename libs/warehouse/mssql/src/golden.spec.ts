import { goldenStatements } from '@elstream/testing';
import { statements } from './statements.fixture';

goldenStatements(__dirname, statements());
