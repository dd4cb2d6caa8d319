import { ConfigError, type PipelineFiles } from '@elstream/config';
import { describeError, sleep, type Logger } from '@elstream/core';
import type { Metrics } from '@elstream/observability';
import type { BoundRegistry } from './registry';

export interface ReloadOptions {
  readonly files: PipelineFiles;
  readonly registry: BoundRegistry;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'pipelineFilesInvalid'>;
  /** Between looks, milliseconds; 0: the files are not read again. */
  readonly everyMs: number;
}

/** A changed text must be the same at a second look: an editor may be just writing it, a ConfigMap just being swapped. */
const SETTLE_MS = 100;
/** Where reloading is switched off, removals through another process's API are followed all the same. */
const REMOVALS_MS = 5_000;

/**
 * Follows the pipeline files by comparing their texts: notifications of the file system are lost on network mounts and
 * on the symbolic links of a ConfigMap. Files that are invalid change nothing: the last good configuration stays.
 */
export class PipelineReload {
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  /** Texts that were applied, or refused, last. */
  private seen: string | null = null;

  constructor(private readonly options: ReloadOptions) {}

  start(): void {
    this.running ??= this.loop();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async loop(): Promise<void> {
    const { everyMs, registry, logger } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await registry.followRemovals();
        if (everyMs > 0) await this.look();
      } catch (error) {
        // Most likely the warehouse is away; the texts are looked at again.
        logger.warn({ error: describeError(error) }, 'the pipelines could not be brought up to date; tried again');
      }
      await sleep(everyMs > 0 ? everyMs : REMOVALS_MS, signal);
    }
  }

  private async look(): Promise<void> {
    const { files, registry, metrics } = this.options;
    try {
      const texts = files.read();
      const text = JSON.stringify([...texts]);
      if (text === this.seen) return;
      await sleep(SETTLE_MS, this.stopping.signal);
      if (this.stopping.signal.aborted || JSON.stringify([...files.read()]) !== text) return;
      const loaded = this.load(text, texts);
      if (loaded === null) return;
      await registry.apply(loaded.map((pipeline) => pipeline.config));
      metrics.pipelineFilesInvalid.set({}, 0);
      this.seen = text;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      // The folder itself cannot be read.
      const text = error.message;
      if (text !== this.seen) this.refuse(error);
      this.seen = text;
    }
  }

  private load(text: string, texts: ReturnType<PipelineFiles['read']>): ReturnType<PipelineFiles['load']> | null {
    try {
      if (texts.size === 0) throw new ConfigError([{ file: 'PIPELINES_DIR', line: null, setting: '', message: 'holds no pipeline file any more; to remove a pipeline, DELETE it through the API' }]);
      return this.options.files.load(texts);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.refuse(error);
      this.seen = text;
      return null;
    }
  }

  private refuse({ problems }: ConfigError): void {
    const { logger, metrics } = this.options;
    metrics.pipelineFilesInvalid.set({}, 1);
    for (const { file, line, setting, message } of problems) {
      logger.error({ file, line, setting }, `the pipeline files are not taken over, the last good ones stay: ${setting === '' ? '' : `${setting} `}${message}`);
    }
  }
}
