/**
 * Stands for the package string-width in the programs' bundles: what that makes when it is loaded, expressions for every emoji among them, takes
 * as long as to read a model, and yargs loads it for help that nobody may ask for. So it is loaded when the first width is.
 */
module.exports = (text, options) =>
  require('../node_modules/string-width/index.js').default(text, options);
