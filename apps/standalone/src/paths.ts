import path from 'node:path';

/** The repository: this file is apps/standalone/{src,dist}/paths. */
const root = path.join(__dirname, '..', '..', '..');

export const inventoryPipeline = path.join(root, 'pipelines', 'inventory.yaml');
export const kafkaPipeline = path.join(root, 'pipelines', 'kafka', 'inventory.yaml');
export const inventorySql = path.join(root, 'sql', 'postgres', 'inventory.sql');
/** Makes `bundles`: one file per service, as in the image. */
export const bundler = path.join(root, 'tools', 'bundle.mjs');
export const bundles = path.join(root, 'dist-bundle');

export const generatorSql = path.join(root, 'sql', 'postgres', 'generate-inventory.sql');
