/** What the command needs of the server, in one file that is loaded when it is needed. */
export { LIMITS } from './limits.js';
export { serveModel } from './server.js';
