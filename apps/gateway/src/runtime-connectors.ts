import { type ChangeStream, type ConnectorControl } from '@elstream/change-stream';
import { ElstreamError } from '@elstream/core';
import { type PipelineHandle, type PipelineRegistry } from '@elstream/replication';
import { type Connectors } from './services';

interface Captured {
  readonly pipeline: PipelineHandle;
  readonly stream: ChangeStream;
  readonly control: ConnectorControl;
}

/** Operating the connectors of pipelines that have one. */
export function connectorsOf(registry: PipelineRegistry): Connectors {
  const captured = async (name: string): Promise<Captured> => {
    const pipeline = registry.get(name);
    const stream = await pipeline.stream();
    const control = stream.connector;
    if (control === undefined) {
      throw new ElstreamError('CONNECTOR_NONE', 'refuse', `pipeline ${name} reads its source directly (stream.type: direct), without a connector`, { place: { pipeline: name, setting: 'stream.type' } });
    }
    return { pipeline, stream, control };
  };
  const tables = async (pipeline: PipelineHandle) => {
    const mappings = [...(await pipeline.mappings()).values()].filter(({ halted }) => halted === undefined);
    if (mappings.length > 0) return mappings;
    throw new ElstreamError('PIPELINE_UNPREPARED', 'refuse', `pipeline ${pipeline.name} was not prepared yet, so that its connector cannot be planned; start a run`, { place: { pipeline: pipeline.name } });
  };
  return {
    async show(name) {
      const { pipeline, stream, control } = await captured(name);
      const view = await control.show(await tables(pipeline));
      const { gap, trouble } = await stream.status(await pipeline.warehouse.readCheckpoints(name));
      return { ...view, gap, trouble };
    },
    async restart(name) {
      const { control } = await captured(name);
      await control.restart();
    },
    async update(name) {
      const { pipeline, control } = await captured(name);
      await control.update(await tables(pipeline));
    },
  };
}
