// Loaded before a service: rejects a promise that nobody looks at, once the service listens for that.
const { setInterval, clearInterval } = require('node:timers');

const waiting = setInterval(() => {
  if (process.listenerCount('unhandledRejection') === 0) return;
  clearInterval(waiting);
  void Promise.reject(new Error('nobody caught this'));
}, 20);
