/**
 * Dates as twenty languages write them, and in ISO 8601: what `node scripts/datasets.js dates` makes of Node's own Intl.
 * The same version of Node makes the same files; another one may know some languages otherwise.
 */

const languages = [
  ...['ar-EG', 'cs', 'de', 'el', 'en', 'es', 'fi', 'fr', 'hi-u-nu-deva', 'hu'],
  ...['it', 'ja', 'ko', 'nl', 'pl', 'pt', 'ru', 'sv', 'tr', 'zh'],
];

/** Month names leave no doubt which number is the day, whatever the language. */
const forms = [
  { dateStyle: 'full' },
  { dateStyle: 'long' },
  { weekday: 'short', year: 'numeric', month: 'long', day: '2-digit' },
  { weekday: 'long', year: 'numeric', month: 'short', day: 'numeric' },
  { year: 'numeric', month: 'short', day: 'numeric' },
];

/** Of these alone nobody writes the month before the day without the year before both. */
const numeric = new Set(['cs', 'de', 'fi', 'hu', 'ja', 'ko', 'pl', 'ru', 'sv', 'tr', 'zh']);
const numericForms = [
  { year: 'numeric', month: '2-digit', day: '2-digit' },
  { year: 'numeric', month: 'numeric', day: 'numeric' },
];

const dayMs = 86_400_000;
const firstDay = Date.UTC(1900, 0, 1) / dayMs;
const days = Date.UTC(2100, 0, 1) / dayMs - firstDay;

/** Whole numbers below n, the same ones every time (mulberry32). */
function createDice(seed) {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % n;
  };
}

/** How every language writes a date: a list of writers for each. */
function listWriters() {
  return languages.map((language) => {
    const own = numeric.has(language) ? [...forms, ...numericForms] : forms;
    return own.map(
      (form) =>
        new Intl.DateTimeFormat(language, { calendar: 'gregory', timeZone: 'UTC', ...form }),
    );
  });
}

/**
 * @param {Record<string, number>} splits How many dates each of them has.
 * @returns {Record<string, string>} Files by name: no written date is in two of them, nor twice in one.
 */
export function makeDates(splits) {
  const dice = createDice(1);
  const writers = listWriters();
  /** ISO dates by how they are written. */
  const known = new Map();
  const files = {};
  for (const [split, count] of Object.entries(splits)) {
    const [sources, targets] = [[], []];
    while (sources.length < count) {
      const date = new Date((firstDay + dice(days)) * dayMs);
      const own = writers[dice(writers.length)];
      // Some languages put spaces of several kinds, and marks of direction, which no one sees.
      const written = own[dice(own.length)]
        .format(date)
        .replaceAll(/\p{Cf}/gu, '')
        .replaceAll(/\s+/gu, ' ');
      const iso = date.toISOString().slice(0, 10);
      const other = known.get(written);
      if (other !== undefined && other !== iso) {
        throw new Error(`"${written}" is both ${other} and ${iso}: the forms leave a doubt`);
      }
      if (other !== undefined) continue;
      known.set(written, iso);
      sources.push(written);
      targets.push(iso);
    }
    files[`${split}.written.txt`] = `${sources.join('\n')}\n`;
    files[`${split}.iso.txt`] = `${targets.join('\n')}\n`;
  }
  return files;
}
