/** What the command needs of the server, in one file that is loaded when it is needed. */
export { readToken } from '../observe/server/token.js';
export { LIMITS } from './limits.js';
export { serveModel } from './server.js';
