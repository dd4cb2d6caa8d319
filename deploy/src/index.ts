export { BUNDLED, type Bundled } from './environment';
