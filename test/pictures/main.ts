// npm run pictures: makes the packages, follows docs/deploy.md with them, and takes the pictures of docs/images/ on the way.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { formats, makeAll } from '../../packaging/build/make.ts';
import { parts } from '../../packaging/build/parts.ts';
import { targets } from '../../packaging/build/targets.ts';
import { productVersion } from '../../src/base/version.ts';
import { checkIds } from '../../collectors/specs.ts';
import { desktopPrograms } from '../support/desktop.ts';
import { GuideMachine, guideSteps, type Shown } from '../support/guide.ts';
import { startBrowser } from '../support/page.ts';
import { terminalPicture } from './terminal.ts';
import { trayPicture } from './tray.ts';

const ROOT = join(import.meta.dirname, '../..');
const BUILT = 'dist/pictures';
const IMAGES = join(ROOT, 'docs/images');
/** So that a page of the documentation opens at once everywhere. */
const LARGEST = 150_000;

/** The machine of the pictures is no laptop: the firewall, which can be mended in it, is all that counts. */
const POLICY = `version: 1
name: pictures
checks:
${checkIds.map((id) => (id === 'firewall' ? '  firewall: { weight: 60, grace: { hours: 72 } }' : `  ${id}: { weight: 0 }`)).join('\n')}
`;

const FIREWALL = `nft add table inet guide
nft add chain inet guide input '{ type filter hook input priority 0; policy drop; }'
nft add rule inet guide input iif lo accept
nft add rule inet guide input ct state established,related accept`;

const missing = desktopPrograms.filter((file) => !existsSync(file));
if (missing.length > 0) throw new Error(`Not installed: ${missing.join(', ')}.`);
await makePackages();
const machine = await GuideMachine.boot(`${BUILT}/packages`);
if (machine === null)
  throw new Error('No root with systemd could be booted here: that takes root and systemd.');
const browser = await browserIn(machine.pid);
try {
  mkdirSync(IMAGES, { recursive: true });
  await takePictures(machine, browser);
} finally {
  await browser.close();
  machine.remove();
}

async function makePackages(): Promise<void> {
  await makeAll({
    root: ROOT,
    out: join(ROOT, BUILT),
    version: productVersion(),
    targets: targets.filter(({ name }) => name === 'linux-x64'),
    parts: parts.filter(({ name }) => name !== 'drawbridge-gateway'),
    formats: formats.filter((name) => name === 'deb'),
    quick: true,
    say: () => {},
  });
}

/** A browser in the machine's network, where the page is. */
async function browserIn(pid: number): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-browser-'));
  const program = join(folder, 'chromium');
  writeFileSync(program, `#!/bin/sh\nexec nsenter -t ${pid} -n -- /usr/bin/chromium "$@"\n`);
  chmodSync(program, 0o755);
  try {
    return await startBrowser([], program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takePictures(at: GuideMachine, chromium: Browser): Promise<void> {
  const [server = [], laptop = [], lookThere = [], lookHere = [], [tray = ''] = []] = guideSteps();
  for (const line of server) at.follow(line);
  at.sh(
    `cat > /var/lib/drawbridge-server/policy.yaml <<'END'\n${POLICY}END\nsystemctl reload drawbridge-server`,
  );
  for (const line of laptop) at.follow(line);
  await at.connected();
  await trayPicture(at, picture('tray'), { folder: join(ROOT, BUILT), there: `/mnt/${BUILT}` });
  small(picture('tray'));
  const page = await chromium.newPage({ viewport: { width: 820, height: 780 } });
  await page.goto(await at.page(tray));
  await page.locator('h1').waitFor();
  await page.getByRole('heading', { name: '1 thing to fix' }).waitFor();
  await inBothLights(page, 'page-problem');
  for (const [index, name] of ['devices', 'device'].entries())
    await terminal(chromium, name, [at.follow(lookHere[index] ?? '')]);
  at.sh(FIREWALL);
  await page.getByRole('button', { name: 'I did this: check again' }).click();
  await page.getByRole('heading', { name: 'This computer meets every requirement' }).waitFor();
  await page.getByText('is done. Thank you.').waitFor();
  await page.getByText('All well').waitFor();
  await inBothLights(page, 'page-good');
  await terminal(
    chromium,
    'laptop',
    lookThere.map((line) => at.follow(line, [1])),
  );
}

async function inBothLights(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: picture(name) });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: picture(`${name}-dark`) });
  for (const file of [name, `${name}-dark`].map(picture)) small(file);
}

/** Without what the machine is made of that takes the pictures. */
async function terminal(chromium: Browser, name: string, shown: readonly Shown[]): Promise<void> {
  const own = shown.map(({ command, out }) => ({ command, out: out.replace(/^Computer: .*\n/m, '') }));
  await terminalPicture(chromium, picture(name), own);
  small(picture(name));
}

function picture(name: string): string {
  return join(IMAGES, `${name}.png`);
}

function small(file: string): void {
  const { size } = statSync(file);
  if (size > LARGEST) throw new Error(`${file} has ${size} bytes, more than ${LARGEST}.`);
  process.stdout.write(`${file}: ${Math.round(size / 1_000)} kB\n`);
}
