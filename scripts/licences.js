import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What the licences of packages in bundles ask for: that they go where the packages go. @param files in bundles, below `root` */
export function licencesOf(root, files) {
  const folders = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(folders.filter(Boolean))]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(path.join(root, folder, 'package.json'), 'utf8'),
      );
      const texts = readdirSync(path.join(root, folder))
        .filter((file) => /^licen[cs]e/i.test(file))
        .map((file) => readFileSync(path.join(root, folder, file), 'utf8'));
      return `${name} ${version} (${license})\n\n${texts.join('\n')}`;
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`);
}
