/** Types of what tests import of outdated.js. */
export function isOutdated(root: string, target: 'build/native.json' | 'dist'): boolean;
