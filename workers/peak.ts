import { measurePeak } from '../src/bench/peak.js';

/** Entry of a thread that measures how fast its core can go. */
export default measurePeak;
