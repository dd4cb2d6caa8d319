import type { PipelineConfig } from './pipeline-schema';

/** `-` becomes `_`, which pipeline names cannot hold, so two pipelines never get the same name; at most 49 characters. */
const derived = (config: PipelineConfig): string => `elstream_${config.name.replaceAll('-', '_')}`;

/** The pipeline's replication slot at the source. */
export function slotName(config: PipelineConfig): string {
  return config.stream.slotName ?? derived(config);
}

/** The pipeline's publication at the source. */
export function publicationName(config: PipelineConfig): string {
  return config.stream.publicationName ?? derived(config);
}
