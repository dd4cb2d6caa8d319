export * from './culprit';
export * from './evolution';
export * from './history';
export * from './repair';
export * from './warehouse';
