/** The library's public face. */
export { describeBackends } from './backend/select.js';
export { formatConfig, loadConfig, parseConfig, type NamedConfig } from './config/load.js';
export type { Config } from './config/schema.js';
export { readBatches, readExamples } from './data/examples.js';
export { prepareHeldOut, type HeldOut } from './data/held-out.js';
export { prepareCorpus } from './data/prepare.js';
export { UserError } from './errors.js';
export type * from './train/events.js';
export { openModel, TrainedModel } from './train/model-file.js';
export { train } from './train/run.js';
