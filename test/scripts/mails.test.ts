import { describe, expect, it } from 'vitest';

interface Row {
  label: string;
  text: string;
}

// The scripts are plain JavaScript, without types.
const script = new URL('../../scripts/mails.js', import.meta.url).href;
const { mailText, splitMails, toCsv } = (await import(script)) as {
  mailText: (raw: Uint8Array) => Promise<string>;
  splitMails: (
    mails: { label: string; raw: Uint8Array }[],
  ) => Promise<{ train: Row[]; test: Row[] }>;
  toCsv: (rows: Row[]) => Promise<string>;
};

function mail(...lines: string[]): Buffer {
  return Buffer.from(lines.join('\n'), 'latin1');
}

describe('the text of a mail', () => {
  it('is the subject and the body on one line, without any other header', async () => {
    const raw = mail('From: a@b.c', 'Subject: Hello', 'X-Spam: yes', '', 'first', '', 'second\t!');
    expect(await mailText(raw)).toBe('Hello first second !');
  });

  it('is decoded from quoted-printable, base64, their charsets and encoded words', async () => {
    const quoted = mail(
      'Subject: =?iso-8859-1?Q?Gr=FC=DFe?=',
      'Content-Type: text/plain; charset=windows-1252',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '=80 5 f=FCr =',
      'alle',
    );
    expect(await mailText(quoted)).toBe('Grüße € 5 für alle');
    const base64 = mail(
      'Subject: x',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('naïve ☃').toString('base64'),
    );
    expect(await mailText(base64)).toBe('x naïve ☃');
  });

  it('is read as windows-1252 where no charset is given and it is no UTF-8', async () => {
    expect(await mailText(mail('Subject: 5 \x80', '', 'f\xfcr dich'))).toBe('5 € für dich');
    const utf8 = Buffer.from('Subject: x\n\nfür dich ☃');
    expect(await mailText(utf8)).toBe('x für dich ☃');
  });

  it('is the plain part of a mail that has both, without attachments', async () => {
    const raw = mail(
      'Subject: both',
      'Content-Type: multipart/mixed; boundary=o',
      '',
      '--o',
      'Content-Type: multipart/alternative; boundary=i',
      '',
      '--i',
      'Content-Type: text/plain',
      '',
      'plain words',
      '--i',
      'Content-Type: text/html',
      '',
      '<b>rich words</b>',
      '--i--',
      '--o',
      'Content-Type: application/pdf; name=x.pdf',
      'Content-Disposition: attachment; filename=x.pdf',
      '',
      'PDF',
      '--o--',
    );
    expect(await mailText(raw)).toBe('both plain words');
  });

  it('is what HTML shows, without tags, addresses of links, pictures and styles', async () => {
    const raw = mail(
      'Subject: html',
      'Content-Type: text/html',
      '',
      '<style>p { color: red }</style><p>Buy&nbsp;<a href="http://spam.example">now</a> &amp; save',
      '<img src="x.png" alt="pixel"></p>',
    );
    expect(await mailText(raw)).toBe('html Buy now & save');
  });

  it('is what a page shows that was sent as plain text', async () => {
    const raw = mail('Subject: page', '', '<HTML><BODY>', '<b>rich</b> words', '</BODY></HTML>');
    expect(await mailText(raw)).toBe('page rich words');
  });
});

describe('the splits', () => {
  const mails = Array.from({ length: 500 }, (_, i) => ({
    label: i % 3 === 0 ? 'spam' : 'ham',
    raw: mail(
      `Subject: number ${String.fromCharCode(97 + (i % 26), 97 + ((i / 26) | 0))}`,
      '',
      'x',
    ),
  }));

  it('keep every mail once, a fifth of them for the test', async () => {
    const { train, test } = await splitMails(mails);
    expect(new Set([...train, ...test].map(({ text }) => text)).size).toBe(500);
    expect(train.length + test.length).toBe(500);
    expect(test.length).toBeGreaterThan(70);
    expect(test.length).toBeLessThan(130);
  });

  it('do not depend on which other mails there are, nor on their order', async () => {
    const whole = await splitMails(mails);
    const part = await splitMails(mails.slice(0, 200).reverse());
    const inWhole = new Set(whole.test.map(({ text }) => text));
    expect(part.test.length).toBeGreaterThan(0);
    for (const { text } of part.test) expect(inWhole).toContain(text);
    for (const { text } of part.train) expect(inWhole).not.toContain(text);
  });

  it('hold only the first of mails that differ in case, digits, marks and spaces', async () => {
    const { train, test } = await splitMails([
      { label: 'ham', raw: mail('Subject: Offer 17', '', 'Only today!') },
      { label: 'spam', raw: mail('Subject: OFFER 99', '', 'only  today') },
      { label: 'spam', raw: mail('Subject:', '', '123') },
    ]);
    expect([...train, ...test]).toEqual([{ label: 'ham', text: 'Offer 17 Only today!' }]);
  });
});

it('rows become CSV with quotes where they are needed', async () => {
  const rows = [
    { label: 'ham', text: 'plain' },
    { label: 'spam', text: 'a "free" one, now' },
  ];
  expect(await toCsv(rows)).toBe('label,text\nham,plain\nspam,"a ""free"" one, now"\n');
});
