import { expect, it } from 'vitest';
import { programName } from '../../src/system/program-name.js';

it.each([
  [
    'npx lockstep',
    '/app/node_modules/.bin/lockstep',
    { npm_command: 'exec', npm_lifecycle_event: 'npx' },
  ],
  [
    'npx lockstep',
    '/app/node_modules/.bin/train',
    { npm_command: 'run-script', npm_lifecycle_event: 'start' },
  ],
  ['node bin/lockstep.js', '/app/bin/train.js', {}],
  [
    'npx lockstep',
    '/app/bin/lockstep.js',
    { npm_lifecycle_event: 'quickstart', npm_package_json: '/app/package.json' },
  ],
  [
    'node /clone/bin/lockstep.js',
    '/clone/bin/lockstep.js',
    { npm_lifecycle_event: 'start', npm_package_json: '/app/package.json' },
  ],
  ["node '/opt/my tools/bin/lockstep.js'", '/opt/my tools/bin/lockstep.js', {}],
  ['node /opt/lockstep/bin/lockstep.js', '/opt/lockstep/bin/lockstep.js', {}],
  ['lockstep', '/usr/local/bin/lockstep', { PATH: '/bin:/usr/local/bin' }],
  ['node_modules/.bin/lockstep', '/app/node_modules/.bin/train', { PATH: '/bin' }],
])('hints say %j where %s was started', (name, script, env) => {
  expect(programName(script, env, '/app')).toBe(name);
});
