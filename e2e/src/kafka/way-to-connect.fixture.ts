import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a Kafka Connect that others use too, which can be cut. */
export interface WayToConnect extends AsyncDisposable {
  readonly url: string;
  /** From now on it is as if Connect were away: connections end, and new ones are ended at once. */
  cut(): void;
  mend(): void;
}

export async function wayToConnect(connectUrl: string): Promise<WayToConnect> {
  const { hostname, port } = new URL(connectUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect({ host: hostname, port: Number(port) });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      sockets.add(one);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      // It closes too.
      one.on('error', () => undefined);
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const end = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    cut: () => ((isCut = true), end()),
    mend: () => void (isCut = false),
    async [Symbol.asyncDispose]() {
      end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
