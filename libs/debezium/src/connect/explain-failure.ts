/**
 * - `gap`: changes can no longer be had from the log (R3): the tables are preloaded again
 * - `retry`: passing; the task is started again after a back-off
 * - `person`: it stays until somebody acts
 */
export type FailureKind = 'gap' | 'retry' | 'person';

export interface FailureExplanation {
  readonly kind: FailureKind;
  /** What happened, in plain words. */
  readonly reason: string;
  readonly remedy: string;
}

interface Rule extends FailureExplanation {
  readonly when: RegExp;
}

const PRELOAD = 'elstream declares a log gap, makes capture anew and preloads the tables again';
const LATER = 'the task is started again';

/**
 * A failed task tells its trouble in a Java stack trace only; there is no code to go by. The first rule that matches any
 * line counts: causes that are told in the words of another (a timeout because of a refused password) come first.
 */
const RULES: readonly Rule[] = [
  { when: /ProducerFencedException|InvalidProducerEpochException|has been fenced|newer producer with the same transactional/i, kind: 'retry', reason: 'another instance of the connector took its place', remedy: LATER },
  // Before all that tell of logins and certificates at the source, and of the topics of the schema history.
  { when: /(?:Sasl\w*AuthenticationException|UnsupportedSaslMechanismException|IllegalSaslStateException)/, kind: 'person', reason: "Kafka does not take the login of the Connect worker, or of the connector's schema history", remedy: "correct the worker's own sasl settings; the schema history of SQL Server logs in by stream.sasl of the pipeline file; then restart the connector" },
  { when: /SslAuthenticationException/, kind: 'person', reason: "no protected connection between Kafka and the Connect worker, or the connector's schema history, could be made", remedy: "correct the worker's own ssl settings; the schema history of SQL Server goes by stream.tls of the pipeline file, and its worker has none of our system's authorities unless stream.tls.ca names them; then restart the connector" },
  { when: /invalidated|can no longer (?:get|access) changes from/i, kind: 'gap', reason: 'the replication slot was invalidated: the source removed log that capture had not read', remedy: `${PRELOAD}; raise max_slot_wal_keep_size at the source if it happens again` },
  { when: /replication slot "[^"]*" does not exist/i, kind: 'gap', reason: 'the replication slot is gone', remedy: PRELOAD },
  { when: /replication slot .*is active|slot is already active/i, kind: 'retry', reason: 'the replication slot is in use by another session', remedy: `${LATER}; if it stays so, find the session in pg_replication_slots.active_pid: another connector with our slot.name, or one that hangs` },
  { when: /no longer available on the server|WAL segment .*already been removed|offset to start reading from has been removed|cannot (?:advance|rewind) .*(?:slot|position)|Cannot seek to the last known offset|insufficient number of arguments were supplied for the procedure or function cdc\./i, kind: 'gap', reason: "the source's log does not reach back to where capture stopped, or the replication slot is another than before", remedy: PRELOAD },
  { when: /history topic.*missing|schema history topic/i, kind: 'gap', reason: "the topic of the connector's schema history is missing or cut", remedy: PRELOAD },
  { when: /publication "[^"]*" does not exist|Publication autocreation is disabled/i, kind: 'person', reason: 'the publication is missing at the source', remedy: 'prepare the pipeline again (elstream makes it), then restart the connector' },
  { when: /wal_level/i, kind: 'person', reason: "the source's wal_level is not logical", remedy: "set wal_level = logical in the source's configuration and restart that server" },
  { when: /password authentication failed|Login failed for user|authentication type .* is not supported|28P01|SCRAM/i, kind: 'person', reason: 'the source does not accept user and password', remedy: 'correct source.url in the pipeline file or the password at the source, then register the connector again' },
  { when: /no pg_hba\.conf entry/i, kind: 'person', reason: "the source's pg_hba.conf does not let the Connect worker in", remedy: "allow the worker's address, for the database and for replication, and reload that server" },
  { when: /SSLHandshakeException|PKIX path|unable to find valid certification|server does not support SSL/i, kind: 'person', reason: 'no protected connection to the source could be made', remedy: "compare the source's certificate with the tls settings of the pipeline; files are looked for on the Connect worker" },
  { when: /permission denied|must be superuser|replication role|permission was denied|does not have permission|42501/i, kind: 'person', reason: 'the user of the connector lacks a right at the source', remedy: 'grant it (PostgreSQL: REPLICATION and SELECT on the tables; SQL Server: SELECT on the tables and the role of their capture instances), then restart the connector' },
  { when: /database "[^"]*" does not exist|Cannot open database/i, kind: 'person', reason: 'the database is missing at the source, or the user may not open it', remedy: 'correct source.url in the pipeline file' },
  { when: /SQL Server Agent is (?:not )?running|No maximum LSN recorded/i, kind: 'person', reason: 'nothing is captured at the source: the SQL Server Agent does not run, or its capture job has never run', remedy: 'start the SQL Server Agent and the job cdc.<database>_capture, then restart the connector' },
  { when: /not enabled for (?:CDC|change data capture)|CDC is not enabled|No table has enabled CDC|has no whitelisted table/i, kind: 'person', reason: 'change data capture is not enabled for the database or one of the tables', remedy: 'run sys.sp_cdc_enable_db and sys.sp_cdc_enable_table as prepare names them, then restart the connector' },
  { when: /RecordTooLargeException|MESSAGE_TOO_LARGE/i, kind: 'person', reason: 'an event is larger than Kafka takes', remedy: "raise max.message.bytes of the table's topic (and the brokers' message.max.bytes), then restart the connector" },
  { when: /(?:Topic|Cluster|TransactionalId|Group)AuthorizationException/, kind: 'person', reason: 'Kafka does not give the Connect worker the rights it needs', remedy: "grant the worker's user write and transaction rights on the topics of the topic prefix" },
  { when: /UnknownTopicOrPartitionException|InvalidTopicException|not present in metadata after/i, kind: 'person', reason: 'a topic of the connector does not exist', remedy: 'prepare the pipeline again (elstream makes its topics), then restart the connector' },
  { when: /columns that differ only by case/i, kind: 'person', reason: "Debezium does not capture a table with columns that differ only by case", remedy: 'rename one of the columns at the source, or take the table out of the pipeline' },
  { when: /Failed to properly convert|ConversionException|SchemaBuilderException|DataException|Error while processing event at offset/i, kind: 'person', reason: 'Debezium cannot convert a value or an event', remedy: 'exclude the column named in the trace or correct the value at the source, then restart the connector' },
  { when: /OutOfMemoryError/, kind: 'person', reason: 'the Connect worker ran out of memory', remedy: 'give the worker more memory (KAFKA_HEAP_OPTS) and restart it' },
  { when: /UnknownHostException|The connection attempt failed|Connection (?:to .*)?refused|ConnectException: Connection|SocketTimeoutException|TCP\/IP connection to the host|connect timed out|terminating connection|is (?:starting up|shutting down)|Connection reset|I\/O error|Database connection failed|connection has been closed/i, kind: 'retry', reason: 'the source cannot be reached from the Connect worker', remedy: `${LATER}; check the host and port that the worker uses (stream.source) if it stays so` },
  { when: /(?:common\.errors\.|KafkaException.*)(?:Timeout|Disconnect|NotLeader|Coordinator|Network)/, kind: 'retry', reason: 'the Kafka brokers did not answer the Connect worker in time', remedy: LATER },
];

/** @param trace of a failed connector or task, as Connect gives it */
export function explainFailure(trace: string): FailureExplanation {
  const rule = RULES.find(({ when }) => when.test(messagesOf(trace)));
  if (rule !== undefined) return { kind: rule.kind, reason: rule.reason, remedy: rule.remedy };
  return { kind: 'person', reason: rootCause(trace), remedy: "look at the connector's trace and at the log of the Connect worker, then restart the connector" };
}

/** Names of classes in the frames of the stack would match too. */
function messagesOf(trace: string): string {
  return trace.split('\n').filter((line) => !/^\s*(?:at |\.\.\. \d+ more)/.test(line)).join('\n');
}

/** First line of the innermost cause, its class without the package. */
function rootCause(trace: string): string {
  const lines = trace.split('\n').map((line) => line.trim());
  const line = lines.findLast((text) => text.startsWith('Caused by: ')) ?? lines.find((text) => text !== '') ?? 'the task failed without a trace';
  return line.replace(/^Caused by: /, '').replace(/^(?:[\w$]+\.)+(?=[\w$]+(?::|$))/, '').slice(0, 500);
}
