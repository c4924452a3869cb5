import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  breaksScheme,
  createSchemeCounter,
  forbiddenTransitions,
  schemeOf,
} from '../../src/tasks/transitions.js';

/** As "I-X after O", "I-X first" and "B-X last". */
function listForbidden(classes: readonly string[]): string[] {
  return forbiddenTransitions(classes).map((place) => {
    const from = classes[Math.floor(place / (classes.length + 2))]!;
    const to = place % (classes.length + 2);
    if (to < classes.length) return `${classes[to]!} after ${from}`;
    return `${from} ${to === classes.length ? 'first' : 'last'}`;
  });
}

describe('tags that do not follow each other', () => {
  test('by BIO are those inside an entity that has not begun', () => {
    expect(listForbidden(['B-X', 'B-Y', 'I-X', 'O']).sort()).toEqual(
      ['I-X after B-Y', 'I-X after O', 'I-X first'].sort(),
    );
  });

  test('by BIOES also those that leave an entity open', () => {
    const forbidden = listForbidden(['B-X', 'I-X', 'E-X', 'S-X', 'O']);
    expect(forbidden).toContain('O after B-X');
    expect(forbidden).toContain('S-X after I-X');
    expect(forbidden).toContain('E-X after S-X');
    expect(forbidden).toContain('E-X first');
    expect(forbidden).toContain('B-X last');
    expect(forbidden).not.toContain('E-X after B-X');
    expect(forbidden).not.toContain('B-X after E-X');
    expect(forbidden).not.toContain('O last');
  });

  test.each([
    ['IOB1, where an entity may begin with I-', ['B-X', 'I-X', 'I-Y', 'O'], undefined],
    ['no scheme', ['NN', 'VB', 'O'], undefined],
    ['BIO', ['B-X', 'I-X', 'O'], 'BIO'],
    ['BIOES', ['B-X', 'E-X', 'S-X'], 'BIOES'],
  ])('are told by the scheme of all tags: %s', (_, classes, scheme) => {
    expect(schemeOf(classes)).toBe(scheme);
    expect(forbiddenTransitions(classes).length > 0).toBe(scheme !== undefined);
  });
});

type Piece = { type: 'X' | 'Y' | 'O'; length: number };

/** Tags of pieces of a row, an entity each or what is outside of all, and how many entities IOB1 begins with an `I-`. */
function write(pieces: readonly Piece[], scheme: 'BIO' | 'BIOES' | 'IOB1') {
  let bare = 0;
  const tags = pieces.flatMap(({ type, length }, i) => {
    if (type === 'O') return new Array<string>(length).fill('O');
    const touches = pieces[i - 1]?.type === type;
    if (!touches) bare += 1;
    return Array.from({ length }, (_, at) => {
      if (scheme === 'IOB1') return `${at === 0 && touches ? 'B' : 'I'}-${type}`;
      if (scheme === 'BIO') return `${at === 0 ? 'B' : 'I'}-${type}`;
      const isLast = at === length - 1;
      return `${at === 0 ? (isLast ? 'S' : 'B') : isLast ? 'E' : 'I'}-${type}`;
    });
  });
  return { tags, bare };
}

describe('a scheme that tags have the names of', () => {
  const prefixes = { BIO: 'BI', IOB1: 'BI', BIOES: 'BIES' };
  test.each(['BIO', 'BIOES', 'IOB1'] as const)('is found kept or broken in rows: %s', (scheme) => {
    const classes = Array.from(prefixes[scheme], (p) => [`${p}-X`, `${p}-Y`]).flat();
    const names = ['O', ...classes];
    const count = createSchemeCounter(names)!;
    const piece = fc.record({
      type: fc.constantFrom<Piece['type']>('X', 'Y', 'O'),
      length: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 6 }), { maxLength: 4 }), (rows) => {
        const found = { entities: 0, broken: 0 };
        const written = rows.map((pieces) => write(pieces, scheme));
        for (const { tags } of written)
          count(
            tags.map((tag) => names.indexOf(tag)),
            found,
          );
        const entities = rows.flat().filter(({ type }) => type !== 'O').length;
        const bare = written.reduce((sum, each) => sum + each.bare, 0);
        expect(found).toEqual({ entities, broken: scheme === 'IOB1' ? bare : 0 });
        expect(breaksScheme(found)).toBe(scheme === 'IOB1' && entities > 0);
      }),
    );
  });

  test('is not looked for where names tell none, and mistakes do not break it', () => {
    expect(createSchemeCounter(['NN', 'VB'])).toBeUndefined();
    expect(breaksScheme(undefined)).toBe(false);
    expect(breaksScheme({ entities: 1000, broken: 9 })).toBe(false);
  });
});
