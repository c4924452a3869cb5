/** A process that prepares a corpus and can be killed: `node child.js <config as JSON> <sizes as JSON>`. */
import { configSchema } from '../../../dist/src/config/schema.js';
import { prepareCorpus } from '../../../dist/src/data/prepare/prepare.js';

const [config, sizes] = process.argv.slice(2).map((argument) => JSON.parse(argument));
const corpus = await prepareCorpus(configSchema.parse(config), () => undefined, { sizes });
await corpus.close();
