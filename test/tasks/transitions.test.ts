import { describe, expect, test } from 'vitest';
import { forbiddenTransitions, schemeOf } from '../../src/tasks/transitions.js';

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
