'use strict';
// node --require: a suite's child process runs the workspace's TypeScript sources as they are.
require('../../../tools/swc-register.cjs');
