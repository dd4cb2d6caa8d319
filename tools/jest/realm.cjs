'use strict';
// Under jest the errors of Node's own modules (`connect ECONNREFUSED`, `ENOENT` …) come from another realm, and would not
// be `instanceof Error`: code that classifies errors would decide otherwise in tests than in production.
const { isNativeError } = require('node:util').types;

const ordinary = Function.prototype[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  configurable: true,
  value(candidate) {
    // Subclasses inherit this; they mean themselves.
    return ordinary.call(this, candidate) || (this === Error && isNativeError(candidate));
  },
});
