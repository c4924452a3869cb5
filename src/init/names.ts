/** What the names of columns tell. */

export function columnName(name: string | number): string {
  return typeof name === 'number' ? '' : name;
}

/** As a list shows it: `"label"`, `column 2`. */
export function showColumn(name: string | number): string {
  return typeof name === 'number' ? `column ${name}` : JSON.stringify(name);
}

const strong =
  /^(labels?|class(es)?|categor(y|ies)|intent|sentiment|target|y|gold|is_?spam|spam)$/i;
const weak =
  /(label|class|category|intent|sentiment|target|topic|tags?|genre|type|rating|stars|score|grade|language|output|polarity|stance|emotion)/i;
const text =
  /^(text|body|content|message|sentence|question|review|comment|tweet|utterance|query|description|title|input|document|abstract)s?$|(text|body|content|message|review|comment)$/i;
const amount =
  /^(price|score|value|rating|amount|target|y|label|stars|sum|similarity|points|salary|age|count)$/i;

/** How much a name speaks for a label: 2, 1 or 0. */
export function labelHint(name: string | number): number {
  const given = columnName(name);
  return strong.test(given) ? 2 : weak.test(given) ? 1 : 0;
}

export function isTextName(name: string | number): boolean {
  return text.test(columnName(name));
}

export function isAmountName(name: string | number): boolean {
  return amount.test(columnName(name));
}

const source = /^(source|src|input|from|en|eng|english|question)$/i;
const target = /^(target|tgt|output|to|translation|answer)$/i;
const language = /^[a-z]{2,3}(_[A-Za-z]{2,4})?$/;

/** Two columns whose names say that one is the translation of the other, in this order. */
export function pairNames(
  names: readonly (string | number)[],
): [string | number, string | number] | undefined {
  if (names.length !== 2) return undefined;
  const [a, b] = names.map(columnName) as [string, string];
  if (source.test(a) && target.test(b)) return [names[0]!, names[1]!];
  if (source.test(b) && target.test(a)) return [names[1]!, names[0]!];
  const isCode = (name: string): boolean =>
    language.test(name) && !['id', 'no', 'nr', 'y'].includes(name);
  return isCode(a) && isCode(b) ? [names[0]!, names[1]!] : undefined;
}
