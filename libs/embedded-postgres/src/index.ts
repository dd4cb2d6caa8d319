export { errnoOf } from './failure';
export { freePort } from './free-port';
export { type EmbeddedPostgresOptions, type EmbeddedServer, type StopMode, defaultSettings } from './options';
export { type ProcessIdentity, identify, isAlive } from './processes';
export { discardDataFolder, startEmbeddedPostgres, stopAbandoned } from './server';
