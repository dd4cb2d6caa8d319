export * from './preloader.module';
