import { COLUMNS } from './event-table';
import { type Servers } from './servers';
import { scalar, until, withClient } from './sql';

const SLOT = 'bench_native';

/** PostgreSQL's own logical replication of the same table between the same servers, into `public.event` of the warehouse. */
export class NativePeer {
  private constructor(private readonly url: string) {}

  /** Subscribes and waits for the initial copy. */
  static async start({ source, sourceUrl, warehouseUrl }: Servers): Promise<NativePeer> {
    await withClient(sourceUrl, (client) => client.query('CREATE PUBLICATION bench_native FOR TABLE public.event'));
    const { host, port, user, password } = source;
    await withClient(warehouseUrl, async (client) => {
      await client.query(`DROP TABLE IF EXISTS public.event; CREATE TABLE public.event ${COLUMNS}`);
      const connection = `host=${host} port=${String(port)} user=${user} password=${password} dbname=app`;
      await client.query(`CREATE SUBSCRIPTION ${SLOT} CONNECTION '${connection}' PUBLICATION bench_native`);
      await until('the initial copy of the subscription', async () => (await scalar(client, `SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'`)) === '0');
    });
    return new NativePeer(warehouseUrl);
  }

  async pause(): Promise<void> {
    await this.alter('DISABLE');
    await withClient(this.url, (client) => until('the end of the apply worker', async () => (await scalar(client, 'SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL')) === '0'));
  }

  async resume(): Promise<void> {
    await this.alter('ENABLE');
  }

  async drop(sourceUrl: string): Promise<void> {
    await withClient(this.url, (client) => client.query(`DROP SUBSCRIPTION ${SLOT}`));
    await withClient(sourceUrl, (client) => client.query('DROP PUBLICATION bench_native'));
  }

  private async alter(how: string): Promise<void> {
    await withClient(this.url, (client) => client.query(`ALTER SUBSCRIPTION ${SLOT} ${how}`));
  }
}
