import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command } from '../port-server';

/** How a Java server is run: what is kept low are start-up time and memory, since it serves tests and one developer. */
export interface JavaProgram {
  readonly java: string;
  readonly classes: string;
  readonly mainClass: string;
  readonly args: readonly string[];
  /** Of the heap. Its upper bound can be changed by `KAFKA_HEAP`, as in `512m`. */
  readonly heap: string;
  readonly dir: string;
  /** Of the log; default warn. */
  readonly logLevel?: 'warn' | 'info';
  /** For work that lasts: the optimising compiler too, and the collector that Java chooses by itself. Default false. */
  readonly fast?: boolean;
}

export function javaCommand({ java, classes, mainClass, args, heap, dir, logLevel = 'warn', fast = false }: JavaProgram): Command {
  const logging = path.join(dir, 'log4j2.properties');
  writeFileSync(logging, loggingSettings(logLevel));
  const options = [
    `-Xmx${process.env['KAFKA_HEAP'] || heap}`,
    '-Xms64m',
    // The optimising compiler would take most of a short life's time.
    ...(fast ? [] : ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']),
    // After an error of its own it must not go on half alive.
    '-XX:+ExitOnOutOfMemoryError',
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    '-Djava.net.preferIPv4Stack=true',
    `-Dlog4j2.configurationFile=${logging}`,
  ];
  // The class path by the environment: it would fill a page in every list of processes.
  return { program: java, args: [...options, mainClass, ...args], env: { CLASSPATH: classes } };
}

const loggingSettings = (level: string): string => `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = ${level}
rootLogger.appenderRef.out.ref = out
`;

/** A file of Java properties: what has a meaning there is escaped. */
export function writeProperties(file: string, properties: Readonly<Record<string, string>>): void {
  const value = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  writeFileSync(file, Object.entries(properties).map(([key, text]) => `${key}=${value(text)}\n`).join(''), { mode: 0o600 });
}
