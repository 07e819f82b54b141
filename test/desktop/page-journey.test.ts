// From a firewall that is off to green: a real server, a real agent as root in a namespace with rules of its own, the
// tray's own client and page, and a real browser. Nothing of this machine is touched.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createTrayClient, type TrayClient } from '../../src/tray/client.ts';
import { connectUnix } from '../../src/tray/connect-unix.ts';
import { openPage, type OpenPage } from '../../src/tray/page.ts';
import { traySocket } from '../../src/wire/tray-address.ts';
import { canMakeNamespaces } from '../support/namespace.ts';
import { hasChromium, startBrowser } from '../support/page.ts';
import { waitFor } from '../support/wait-for.ts';

const cli = (name: string) => join(import.meta.dirname, `../../src/cli/${name}.ts`);
const output = join(import.meta.dirname, '../../test-output/desktop');
const PORT = 8_443;
/** Another user of the laptop. */
const NOBODY = 65_534;

/** The firewall is all that counts, and may be mended by one click. */
const POLICY = `version: 1
name: firewall
fixes: [firewall-on]
checks:
${checkIds.map((id) => (id === 'firewall' ? '  firewall: { weight: 60, grace: { hours: 72 } }' : `  ${id}: { weight: 0 }`)).join('\n')}
`;

const RULES = `flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
  }
}
`;

/** A computer in a computer: its own network, its own /run with root logged in, its own /etc/nftables.conf. */
class Laptop {
  readonly folder = mkdtempSync(join(tmpdir(), 'drawbridge-journey-'));
  readonly sockets = join(this.folder, 's');
  readonly #children: ChildProcess[] = [];
  #holder: ChildProcess | null = null;
  #log = '';

  async boot(): Promise<void> {
    chmodSync(this.folder, 0o755);
    const rules = join(this.folder, 'nftables.conf');
    writeFileSync(rules, RULES);
    const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/user/0 /run/user/${NOBODY} && mount --bind ${rules} /etc/nftables.conf && ip link set lo up && echo ready && exec sleep 3600`;
    const holder = spawn('/usr/bin/unshare', ['-n', '-m', '/bin/sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#holder = holder;
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('exit', () => reject(new Error('no namespace could be made')));
    });
  }

  #inside(argv: readonly string[]): string[] {
    return ['/usr/bin/nsenter', '-t', String(this.#holder?.pid), '-n', '-m', '--', ...argv];
  }

  run(argv: readonly string[], input = ''): string {
    const [file = '', ...rest] = this.#inside(argv);
    const done = spawnSync(file, rest, { encoding: 'utf8', timeout: 60_000, input });
    if (done.status !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}`);
    return done.stdout;
  }

  start(argv: readonly string[]): ChildProcess {
    const [file = '', ...rest] = this.#inside(argv);
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    this.#children.push(child);
    return child;
  }

  /** What everything that runs in it has said so far. */
  log(): string {
    return this.#log;
  }

  async off(): Promise<void> {
    for (const child of this.#children.toReversed()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    }
    this.#holder?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function startServer(laptop: Laptop): Promise<string> {
  const data = join(laptop.folder, 'server');
  const server = (argv: string[]) =>
    laptop.run([process.execPath, cli('drawbridge-server'), ...argv, '--data', data]);
  server(['init', '--port', String(PORT)]);
  writeFileSync(join(data, 'policy.yaml'), POLICY);
  const child = laptop.start([process.execPath, cli('drawbridge-server'), 'start', '--data', data, '--json']);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return data;
}

function startAgent(laptop: Laptop, data: string): void {
  const config = join(laptop.folder, 'agent.yaml');
  const ca = join(data, 'tls-ca.pem');
  writeFileSync(
    config,
    JSON.stringify({ server: { caFile: ca }, keyStore: 'file', tray: { folder: laptop.sockets } }),
  );
  const made = laptop.run([
    process.execPath,
    cli('drawbridge-server'),
    'token',
    'create',
    '--data',
    data,
    '--json',
  ]);
  const { token } = JSON.parse(made) as { token: string };
  const settings = ['--config', config, '--state', join(laptop.folder, 'agent')];
  const agent = [process.execPath, cli('drawbridge')];
  laptop.run(
    [...agent, 'enroll', '--server', `https://127.0.0.1:${PORT}`, '--token-stdin', ...settings],
    token,
  );
  laptop.start([...agent, 'agent', '--observe', ...settings]);
}

/** What comes of a connection that another user opens. */
async function asNobody(path: string): Promise<string> {
  process.seteuid?.(NOBODY);
  try {
    return await new Promise((resolve) => {
      const socket = createConnection(path);
      socket.once('connect', () => resolve('connected'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.once('connect', () => socket.destroy());
    });
  } finally {
    process.seteuid?.(0);
  }
}

describe.runIf(hasChromium && canMakeNamespaces)(
  'from wrong to green (needs root, chromium, nftables)',
  () => {
    const laptop = new Laptop();
    const control = new AbortController();
    let browser: Browser;
    let client: TrayClient;
    let served: OpenPage;
    let page: Page;

    beforeAll(async () => {
      mkdirSync(output, { recursive: true });
      await laptop.boot();
      startAgent(laptop, await startServer(laptop));
      browser = await startBrowser();
      const uid = process.getuid?.() ?? 0;
      client = createTrayClient(connectUnix(traySocket(laptop.sockets, uid), uid), systemClock);
      void client.run(control.signal);
      const locale = { language: 'en', dates: 'en-GB' } as const;
      served = await openPage(client, { locale, desktop: null, openPane: async () => false });
      await waitFor(
        'a decision',
        () => client.status?.decision?.mode === 'enforce' && client.status.problems[0]?.deadline,
        60,
      );
      page = await browser.newPage({ viewport: { width: 820, height: 900 } });
      await page.goto(served.url());
    });

    afterAll(async () => {
      control.abort();
      await browser?.close();
      await served?.close();
      await laptop.off();
    });

    const green = () => page.getByRole('heading', { name: 'This computer meets every requirement' });
    const amber = () => page.getByRole('heading', { name: '1 thing to fix' });
    const again = () => page.getByRole('button', { name: 'I did this: check again' });

    test('the page says what is wrong, by when, and what follows', async () => {
      await amber().waitFor();
      const text = (await page.getByRole('article', { name: 'Turn on the firewall' }).textContent()) ?? '';
      expect(text).toMatch(/By \w+day \d+ \w+, \d\d:\d\d/);
      expect(text).toContain('After that VPN access pauses until this is done.');
      await page.screenshot({ path: join(output, 'journey-1-amber.png') });
    });

    test('checking again before anything was done says so, and stays amber', async () => {
      await again().click();
      await page.getByRole('status').getByText('it is not fixed yet').waitFor();
      expect(await amber().count()).toBe(1);
    });

    test('the person mends it, clicks once, and it is green, for the server, too', async () => {
      laptop.run(['/usr/sbin/nft', '-f', '/etc/nftables.conf']);
      await again().click();
      await green().waitFor();
      await page.getByRole('status').getByText('is done. Thank you.').waitFor();
      await page.screenshot({ path: join(output, 'journey-2-green.png') });
      // What the server has decided, as the agent passes it on.
      expect(client.status?.decision?.reason).toBe('ok');
    });

    test('it breaks again, and one click that names the change mends it', async () => {
      laptop.run(['/usr/sbin/nft', 'flush', 'ruleset']);
      await page.getByRole('button', { name: 'Check everything again' }).click();
      await amber().waitFor();
      await page.getByText('This loads the firewall rules of this computer').waitFor();
      await page.getByRole('button', { name: 'Turn on the firewall for me' }).click();
      await green().waitFor();
      expect(laptop.run(['/usr/sbin/nft', 'list', 'ruleset'])).toContain('policy drop');
    });

    test('each user has a socket of their own, and no way to another’s', async () => {
      const own = traySocket(laptop.sockets, NOBODY);
      await waitFor('the other user’s socket', () => existsSync(own));
      expect(await asNobody(own)).toBe('connected');
      expect(await asNobody(traySocket(laptop.sockets, 0))).toBe('EACCES');
    });

    test('the agent’s log says who has asked for what, and the page what the last days were', async () => {
      expect(laptop.log()).toMatch(/"user":"0","asked":"fix firewall-on","outcome":"done"/);
      expect(laptop.log()).toMatch(/"asked":"recheck firewall"/);
      const colours = await page.locator('.days .badge').allTextContents();
      expect(colours.slice(0, 4)).toEqual(['All well', 'To fix', 'All well', 'To fix']);
    });
  },
);
