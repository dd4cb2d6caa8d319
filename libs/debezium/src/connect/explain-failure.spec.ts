import { explainFailure } from './explain-failure';

const wrapped = (cause: string): string => `org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: ${cause}
\tat io.debezium.connector.postgresql.connection.PostgresReplicationConnection$SomeTimeoutException.run(X.java:1)
\t... 9 more
`;

describe('explainFailure', () => {
  it.each([
    ['org.postgresql.util.PSQLException: ERROR: replication slot "shop" does not exist', 'gap', /slot is gone/],
    ['io.debezium.DebeziumException: The connector is trying to read change stream starting at PostgresOffsetContext [sourceInfo=source_info[lsn=LSN{0/1}]], but this is no longer available on the server. Reconfigure', 'gap', /does not reach back|another than before/],
    ['org.postgresql.util.PSQLException: ERROR: can no longer access replication slot "shop"\n  Detail: This replication slot has been invalidated due to "wal_removed".', 'gap', /invalidated/],
    ['org.postgresql.util.PSQLException: ERROR: requested WAL segment 000000010000000000000001 has already been removed', 'gap', /does not reach back/],
    ['com.microsoft.sqlserver.jdbc.SQLServerException: An insufficient number of arguments were supplied for the procedure or function cdc.fn_cdc_get_all_changes_ ... .', 'gap', /does not reach back/],
    ['org.postgresql.util.PSQLException: ERROR: replication slot "shop" is active for PID 4711', 'retry', /in use/],
    ['org.postgresql.util.PSQLException: ERROR: publication "shop" does not exist', 'person', /publication is missing/],
    ["io.debezium.DebeziumException: Postgres server wal_level property must be 'logical' but is: 'replica'", 'person', /wal_level/],
    ['org.postgresql.util.PSQLException: FATAL: password authentication failed for user "capture"', 'person', /user and password/],
    ["com.microsoft.sqlserver.jdbc.SQLServerException: Login failed for user 'capture'.", 'person', /user and password/],
    ['org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512', 'person', /Kafka does not take the login/],
    ['org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed\nCaused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed', 'person', /between Kafka and the Connect worker/],
    ['javax.net.ssl.SSLHandshakeException: PKIX path building failed', 'person', /protected connection to the source/],
    ['io.debezium.DebeziumException: The schema history topic could not be read\nCaused by: org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed: Invalid username or password', 'person', /stream\.sasl|does not take the login/],
    ['org.postgresql.util.PSQLException: Connection to db.example:5432 refused. Check that the hostname and port are correct', 'retry', /cannot be reached/],
    ['java.net.UnknownHostException: db.example', 'retry', /cannot be reached/],
    ['org.postgresql.util.PSQLException: FATAL: terminating connection due to administrator command', 'retry', /cannot be reached/],
    ['org.postgresql.util.PSQLException: ERROR: permission denied for table customers', 'person', /lacks a right/],
    ['io.debezium.DebeziumException: No maximum LSN recorded in the database; please ensure that the SQL Server Agent is running', 'person', /Agent/],
    ['io.debezium.DebeziumException: Database Shop is not enabled for CDC', 'person', /change data capture/],
    ['org.apache.kafka.common.errors.RecordTooLargeException: The message is 1048689 bytes', 'person', /larger than Kafka takes/],
    ['org.apache.kafka.common.errors.TimeoutException: Topic shop.public.item not present in metadata after 60000 ms.', 'person', /topic/],
    ['org.apache.kafka.common.errors.TimeoutException: Expiring 1 record(s)', 'retry', /brokers/],
    ['org.apache.kafka.common.errors.ProducerFencedException: There is a newer producer with the same transactionalId which fences the current one.', 'retry', /another instance/],
    ["io.debezium.DebeziumException: Table 'a.b' has columns that differ only by case. Column name: 'X'.", 'person', /differ only by case/],
    ['io.debezium.DebeziumException: Failed to properly convert data value for \'public.item.at\' of type timestamptz', 'person', /cannot convert/],
  ])('says of "%s": %s', (cause, kind, reason) => {
    const said = explainFailure(wrapped(cause));
    expect(said).toMatchObject({ kind, reason: expect.stringMatching(reason) as unknown });
    expect(said.remedy).not.toBe('');
  });

  it('gives the first line of the root cause when it knows no better', () => {
    expect(explainFailure(wrapped('com.example.OddException: one\nCaused by: java.lang.IllegalStateException: two\n  three'))).toMatchObject({ kind: 'person', reason: 'IllegalStateException: two' });
    expect(explainFailure('')).toMatchObject({ kind: 'person', reason: 'the task failed without a trace' });
  });
});
