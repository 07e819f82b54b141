// Installs what package-lock.json names when it is missing or changed, and makes sure that what follows runs on
// the pinned Node. Plain JavaScript: this is the one file that the machine's own, older Node has to run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const stamp = join(root, 'node_modules', '.drawbridge-lock');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) install();
requirePinnedNode();

function install() {
  process.stderr.write('Installing dependencies (once, about 15 s) …\n');
  // Standard output belongs to the command that follows: `npm start --silent -- --json` prints one document there.
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm ? [process.execPath, npm] : ['npm'];
  const flags = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const done = spawnSync(command, [...prefix, ...flags], {
    cwd: root,
    // Development tools are part of `npm test`, whatever NODE_ENV says.
    env: { ...process.env, NODE_ENV: 'development' },
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) {
    process.stderr.write('npm ci failed. Check that the npm registry can be reached, then try again.\n');
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function requirePinnedNode() {
  const exe = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
  if (existsSync(exe)) return;
  process.stderr.write(
    `There is no pinned Node for ${process.platform}-${process.arch}. ` +
      'Supported: linux-x64, linux-arm64, darwin-x64, darwin-arm64, win32-x64. ' +
      'If npm was told to omit optional dependencies, allow them: the runtime is one.\n',
  );
  process.exit(1);
}
