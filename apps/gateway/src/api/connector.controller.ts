import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { Documented } from './document.decorators';
import { type Dto } from './schemas';
import { connectorView } from './views';

/** The connector that captures for a pipeline with `stream.type: kafka`. */
@ApiTags('connector')
@Controller('api/v1/pipelines/:name/connector')
export class ConnectorController {
  constructor(@Inject(GATEWAY_SERVICES) private readonly services: GatewayServices) {}

  @Get()
  @Documented(
    {
      summary: 'Shows the connector of a Kafka pipeline',
      description: 'How it stands in Kafka Connect, how far it has delivered, and where its settings differ from the planned ones. Secrets are masked. 409 CONNECTOR_NONE for a pipeline that reads its source directly.',
      answer: 'Connector',
    },
    'name',
  )
  async show(@Param('name') name: string): Promise<Dto<'Connector'>> {
    this.services.registry.get(name);
    return connectorView(await this.services.connectors.show(name));
  }

  @Post('restart')
  @HttpCode(200)
  @Documented(
    {
      summary: 'Starts connector and tasks again',
      description: 'They go on where they stood; one that is paused or stopped goes on too. 409 CONNECTOR_LOST where that would hide a log gap: then a run makes capture anew.',
      answer: 'Connector',
    },
    'name',
  )
  async restart(@Param('name') name: string): Promise<Dto<'Connector'>> {
    const { registry, connectors, logger } = this.services;
    registry.get(name);
    await connectors.restart(name);
    logger.info({ pipeline: name }, 'connector started again');
    return this.show(name);
  }

  @Post('update')
  @HttpCode(200)
  @Documented({ summary: 'Gives the connector the planned settings', description: 'Undoes what somebody changed in Kafka Connect. Its task starts again where it stood.', answer: 'Connector' }, 'name')
  async update(@Param('name') name: string): Promise<Dto<'Connector'>> {
    const { registry, connectors, logger } = this.services;
    registry.get(name);
    await connectors.update(name);
    logger.info({ pipeline: name }, 'settings of the connector put');
    return this.show(name);
  }
}
