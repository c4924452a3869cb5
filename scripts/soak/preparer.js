/** A process that prepares a corpus whenever it is told to. */
import { configSchema } from '../../dist/src/config/schema.js';
import { prepareCorpus } from '../../dist/src/data/prepare/prepare.js';

process.on('message', async (config) => {
  try {
    const corpus = await prepareCorpus(configSchema.parse(config), () => undefined);
    await corpus.close();
    process.send({ storeDir: corpus.storeDir });
  } catch (error) {
    process.send({ failure: error.stack });
  }
});
process.send('ready');
