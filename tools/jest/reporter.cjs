'use strict';
// Writes each project's counts to test-results/results.json (an nx output: a cached target brings its file back), from
// which tools/test.mjs makes the total. Under CI=true a skipped suite is a failure unless it needs a SQL Server.
const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const maySkip = (file) => file.endsWith('.mssql.spec.ts');

const MESSAGE_CHARS = 1_500;
/** What a terminal's colours are written with. */
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** Each failed test by file and name with the beginning of its message; a suite that could not be run too. */
function failuresOf(suite, file) {
  const beginning = (text) => (text ?? '').replace(COLOURS, '').slice(0, MESSAGE_CHARS);
  const failed = suite.testResults.filter(({ status }) => status === 'failed').map((test) => ({ file, test: test.fullName, message: beginning(test.failureMessages.join('\n')) }));
  return suite.testExecError ? [{ file, test: '(the suite itself)', message: beginning(suite.failureMessage) }, ...failed] : failed;
}

module.exports = class CountsReporter {
  constructor(globalConfig) {
    this.root = globalConfig.rootDir;
    this.file = path.join(this.root, 'test-results', 'results.json');
    // A run that crashes must not leave the counts of the run before.
    rmSync(this.file, { force: true });
  }

  onRunComplete(_contexts, results) {
    const skipped = results.testResults
      .filter((suite) => suite.skipped || suite.numPendingTests + suite.numTodoTests > 0)
      .map((suite) => ({ file: path.relative(this.root, suite.testFilePath), tests: suite.numPendingTests + suite.numTodoTests }));
    this.forbidden = process.env.CI === 'true' ? skipped.filter(({ file }) => !maySkip(file)) : [];
    const counts = {
      passed: results.numPassedTests,
      // A suite that could not be run has no failed test, but did fail.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites + (results.wasInterrupted ? 1 : 0),
      skipped: results.numPendingTests + results.numTodoTests,
      failures: results.testResults.flatMap((suite) => failuresOf(suite, path.relative(this.root, suite.testFilePath))),
      skippedSuites: skipped,
      forbiddenSkips: this.forbidden.map(({ file }) => file),
    };
    mkdirSync(path.dirname(this.file), { recursive: true });
    writeFileSync(this.file, `${JSON.stringify(counts, null, 2)}\n`);
  }

  getLastError() {
    if (!this.forbidden?.length) return undefined;
    return new Error(`skipped under CI=true, where only *.mssql.spec.ts may be: ${this.forbidden.map(({ file }) => file).join(', ')}`);
  }
};
