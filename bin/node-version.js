/**
 * Ends the process with one sentence where Node is older than package.json asks for. To be imported first, and written
 * in words that old versions know.
 */
import { readFileSync } from 'fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const needed = engines.node.replace(/^>=/, '');

function numbersOf(version) {
  return version.split('.').map(Number);
}

function isOlder(version, than) {
  const [own, other] = [numbersOf(version), numbersOf(than)];
  const place = own.findIndex((number, index) => number !== other[index]);
  return place !== -1 && own[place] < other[place];
}

if (isOlder(process.versions.node, needed)) {
  console.error(
    `lockstep needs Node.js ${needed} or later, and this is ${process.versions.node}: install a newer one from your system's packages or nodejs.org.`,
  );
  process.exit(1);
}
