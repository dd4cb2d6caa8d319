export * from './overview';
export * from './pipeline';
