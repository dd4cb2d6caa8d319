import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { failure } from './failure';

/**
 * One command to a Redis server, on a connection of its own: what starting, checking and emptying a server needs, without
 * a client that reconnects by itself.
 *
 * @param url `redis://` or `rediss://`, with user and password as needed
 * @returns the reply's text; nil is an empty text
 * @throws the connection's error, or ElstreamError with the server's error reply
 */
export function redisCommand(url: string, command: readonly string[], timeoutMs = 5_000): Promise<string> {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const commands = [...(password === '' ? [] : [['AUTH', ...[username, password].filter((part) => part !== '').map(decodeURIComponent)]]), command];
  return new Promise((resolve, reject) => {
    const options = { host, port: port === '' ? 6379 : Number(port) };
    const socket: Socket = protocol === 'rediss:' ? connectTls({ ...options, servername: host }) : connectTcp(options);
    const end = (give: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      give();
    };
    const timer = setTimeout(() => end(() => reject(failure(`Redis does not answer within ${String(timeoutMs)} ms`))), timeoutMs);
    let received = '';
    // One character per byte: lengths in the protocol are in bytes.
    socket.setEncoding('latin1');
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('close', () => end(() => reject(failure('Redis closed the connection without an answer'))));
    socket.on('data', (text: string) => {
      received += text;
      const replies = parseReplies(received);
      const refused = replies.find((reply) => reply.error);
      const last = replies[commands.length - 1];
      if (refused) end(() => reject(failure(`Redis refuses: ${refused.text}`)));
      else if (last) end(() => resolve(last.text));
    });
    socket.write(commands.map(encode).join(''));
  });
}

const encode = (parts: readonly string[]): string => [`*${String(parts.length)}`, ...parts.flatMap((part) => [`$${String(Buffer.byteLength(part))}`, part]), ''].join('\r\n');

interface Reply {
  readonly text: string;
  readonly error: boolean;
}

/** The complete replies in `received`: simple ones and bulk strings, which is all these commands give. */
function parseReplies(received: string): Reply[] {
  const replies: Reply[] = [];
  for (let at = 0; ; ) {
    const line = received.indexOf('\r\n', at);
    if (line < 0) return replies;
    const kind = received[at];
    const text = received.slice(at + 1, line);
    at = line + 2;
    if (kind !== '$') {
      replies.push({ text, error: kind === '-' });
      continue;
    }
    const length = Number(text);
    if (length >= 0 && received.length < at + length + 2) return replies;
    replies.push({ text: length < 0 ? '' : Buffer.from(received.slice(at, at + length), 'latin1').toString('utf8'), error: false });
    at += length < 0 ? 0 : length + 2;
  }
}
