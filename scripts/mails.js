/** From raw mails to labelled rows of text, without duplicates, split by a fixed rule. */
import { createHash } from 'node:crypto';
import { writeToString } from 'fast-csv';
import { convert } from 'html-to-text';
import PostalMime from 'postal-mime';

/**
 * The characters of windows-1252 from 0x80 on. Some versions of Node decode them as control
 * characters; put right here, so that every version writes the same bytes.
 */
const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Share of the rows held out for the test. */
const testShare = 0.2;

/** Subject and body of a raw mail (bytes) as one line of text; the headers are not part of it. */
export async function mailText(raw) {
  const { subject = '', text = '', html = '' } = await parseMail(raw);
  const plain = text.trim() && !isDocument.test(text);
  return `${subject} ${plain ? text : textOfHtml(html.trim() ? html : text)}`
    .replace(/[\x80-\x9f]/g, (character) => windows1252[character.charCodeAt(0) - 0x80])
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}

/** A web page: some mails send one as plain text. */
const isDocument = /<html[\s>][^]*<\/(html|body)>/i;

/**
 * Mails that do not say how their letters are coded are read as UTF-8. Where that leaves unreadable characters,
 * the mail is older than UTF-8's spread and mostly in windows-1252, whose bytes from 0xa0 on are latin1's.
 */
async function parseMail(raw) {
  const mail = await PostalMime.parse(raw);
  if (unreadable(mail) === 0) return mail;
  const western = await PostalMime.parse(Buffer.from(Buffer.from(raw).toString('latin1')));
  return unreadable(western) < unreadable(mail) ? western : mail;
}

function unreadable({ subject = '', text = '', html = '' }) {
  return `${subject}${text}${html}`.split('\ufffd').length - 1;
}

function textOfHtml(html) {
  return convert(html, {
    wordwrap: false,
    selectors: [
      { selector: 'a', options: { ignoreHref: true } },
      { selector: 'img', format: 'skip' },
    ],
  });
}

/**
 * Turns `{ label, raw }` into `{ label, text }` rows. Of mails whose letters are the same (case,
 * digits, marks and spaces aside) the first is kept. The hash of those letters alone decides in
 * which split a mail lies, and where: so a mail stays in its place whatever is added.
 */
export async function splitMails(mails) {
  const rows = new Map();
  for (const { label, raw } of mails) {
    const text = await mailText(raw);
    const letters = text
      .toLowerCase()
      .replace(/[^\p{L}]+/gu, ' ')
      .trim();
    const hash = createHash('sha256').update(letters).digest('hex');
    if (letters && !rows.has(hash)) rows.set(hash, { label, text });
  }
  const ordered = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  const held = ([hash]) => parseInt(hash.slice(0, 8), 16) < testShare * 2 ** 32;
  return {
    train: ordered.filter((row) => !held(row)).map(([, row]) => row),
    test: ordered.filter(held).map(([, row]) => row),
  };
}

/** Rows as CSV with the columns `label` and `text`. */
export function toCsv(rows) {
  return writeToString(rows, { headers: ['label', 'text'], includeEndRowDelimiter: true });
}
