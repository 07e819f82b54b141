// The status page in a real browser, over a stand-in for the agent whose words the test chooses.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkIds, specs } from '../../collectors/specs.ts';
import type { Opener } from '../../collectors/help.ts';
import { openPage, type OpenPage, type PageClient } from '../../src/tray/page.ts';
import type { TrayAnswer, TrayAsk, TrayStatus } from '../../src/wire/tray.ts';
import { ask, hasChromium, startBrowser } from '../support/page.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';

const output = join(import.meta.dirname, '../../test-output/desktop');
if (!hasChromium) process.stderr.write('page.test.ts: Chromium is not installed\n');

const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString();

/** What an agent says of a laptop with two things to mend. */
function ailing(): TrayStatus {
  return statusOf({
    at: hours(0),
    colour: 'amber',
    because: 'deadline',
    device: {
      platform: 'linux',
      family: 'ubuntu',
      version: '24.04',
      build: null,
      display: 'Ubuntu 24.04.1 LTS',
    },
    problems: [
      problemOf({
        level: 'warn',
        since: hours(-1),
        deadline: hours(71),
        then: 'deny',
        fixes: [{ fix: 'firewall-on', means: 'ufw' }],
      }),
      problemOf({
        check: 'os-patch',
        reason: 'patch-security-pending',
        level: 'warn',
        given: '3 security updates',
        expected: 'none',
        since: hours(-20),
        deadline: hours(100),
        then: 'restrict',
      }),
    ],
    days: [
      { at: hours(-60), colour: 'green', because: 'good' },
      { at: hours(-1), colour: 'amber', because: 'deadline' },
    ],
    collected: checkIds.map((check) => ({ check, sentence: specs[check].collects })),
  });
}

function well(): TrayStatus {
  const { device, days, collected } = ailing();
  return statusOf({
    at: hours(0),
    device,
    days: [...days, { at: hours(0), colour: 'green', because: 'good' }],
    collected,
  });
}

class StandIn implements PageClient {
  status: TrayStatus | null = ailing();
  readonly asked: TrayAsk[] = [];
  readonly #listeners = new Set<(status: TrayStatus | null) => void>();

  watch(listener: (status: TrayStatus | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ask(request: TrayAsk): Promise<TrayAnswer> {
    this.asked.push(request);
    if (request.verb === 'recheck') this.say(well());
    return { id: 1, ok: true, status: this.status ?? well(), text: null };
  }

  say(status: TrayStatus | null): void {
    this.status = status;
    for (const listener of this.#listeners) listener(status);
  }
}

describe.runIf(hasChromium)('the page in Chromium (needs chromium)', () => {
  let browser: Browser;
  let agent: StandIn;
  let served: OpenPage;
  const opened: Opener[] = [];

  beforeAll(async () => {
    mkdirSync(output, { recursive: true });
    browser = await startBrowser();
    agent = new StandIn();
    served = await openPage(agent, {
      locale: { language: 'en', dates: 'en-GB' },
      desktop: 'ubuntu:GNOME',
      openPane: async (opener) => {
        opened.push(opener);
        return true;
      },
    });
  });

  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  async function show(
    options: BrowserContextOptions = {},
    status: TrayStatus | null = ailing(),
  ): Promise<Page> {
    agent.say(status);
    agent.asked.length = 0;
    const context = await browser.newContext({ viewport: { width: 820, height: 900 }, ...options });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(served.url());
    await page.locator('h1').waitFor();
    expect(problems).toEqual([]);
    return page;
  }

  const violations = async (page: Page) => {
    const { violations: found } = await new AxeBuilder({ page }).analyze();
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  };

  const looks: [string, BrowserContextOptions, string, () => TrayStatus][] = [
    ['light', {}, 'en', ailing],
    ['dark', { colorScheme: 'dark' }, 'en', ailing],
    ['German', {}, 'de', ailing],
    ['green', {}, 'en', well],
    ['200 % zoom', { viewport: { width: 410, height: 450 }, deviceScaleFactor: 2 }, 'en', ailing],
  ];

  test.each(looks)(
    '%s: no violation of the rules of accessibility, nothing to scroll sideways',
    async (name, options, language, status) => {
      const page = await show(options, status());
      await page.getByRole('combobox').selectOption(language);
      await page.locator(`html[lang=${language}]`).waitFor();
      await page.screenshot({
        path: join(output, `page-${name.replaceAll(/\W+/g, '-')}.png`),
        fullPage: true,
      });
      for (const summary of await page.locator('summary').all()) await summary.click();
      expect(await violations(page)).toEqual([]);
      const [inside, width] = await page.evaluate(() => {
        // The browser's own document; these tests are compiled without its types.
        const { document } = globalThis as unknown as {
          document: { documentElement: { scrollWidth: number; clientWidth: number } };
        };
        return [document.documentElement.scrollWidth, document.documentElement.clientWidth];
      });
      expect(inside).toBeLessThanOrEqual(width ?? 0);
      await page.context().close();
    },
  );

  test('says what to do, why, by when with which consequence, in how long, and exactly how', async () => {
    const page = await show();
    const firewall = page.getByRole('article', { name: 'Turn on the firewall' });
    const text = (await firewall.textContent()) ?? '';
    expect(text).toContain('Others on the same network can reach services on this computer.');
    expect(text).toMatch(/By (Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day \d+ \w+, \d\d:\d\d/);
    expect(text).toContain(
      'After that VPN access pauses until this is done. Nothing else on this computer changes.',
    );
    expect(text).toContain('Takes about 1 minute');
    expect(await firewall.getByRole('listitem').allTextContents()).toEqual([
      'Open a terminal.',
      'Enter “sudo ufw enable” and your password.',
    ]);
    expect(text).toContain('This turns on ufw');
    await page.getByText('What is collected, and who sees it').click();
    for (const check of checkIds) await page.getByText(specs[check].collects).waitFor();
    await page.context().close();
  });

  test('buttons ask the agent for closed words only, and open what the system knows', async () => {
    const page = await show();
    await page.getByRole('button', { name: 'Open firewall settings' }).click();
    await expect
      .poll(() => opened)
      .toEqual([{ kind: 'launchers', names: ['gufw', 'firewall-config', 'kcm_firewall'] }]);
    await page.getByRole('button', { name: 'In 4 hours' }).click();
    await expect.poll(() => agent.asked).toEqual([{ verb: 'snooze', hours: 4 }]);
    await page.getByRole('button', { name: 'Turn on the firewall for me' }).click();
    await page.getByRole('button', { name: 'Reconnect VPN' }).click();
    await expect
      .poll(() => agent.asked.slice(1))
      .toEqual([{ verb: 'fix', fix: 'firewall-on' }, { verb: 'reconnect' }]);
    await page.context().close();
  });

  test('by keyboard alone: to the button, check again, heard, and the focus is not lost', async () => {
    const page = await show();
    const button = page.getByRole('button', { name: 'I did this: check again' }).first();
    for (let step = 0; step < 10 && !(await button.evaluate((one) => one.matches(':focus'))); step += 1)
      await page.keyboard.press('Tab');
    expect(await button.evaluate((one) => one.matches(':focus-visible'))).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'This computer meets every requirement' }).waitFor();
    await page.getByRole('status').getByText('“Turn on the firewall” is done. Thank you.').waitFor();
    expect(agent.asked).toEqual([{ verb: 'recheck', check: 'firewall' }]);
    expect(await page.locator(':focus').textContent()).toBe('This computer meets every requirement');
    await page.context().close();
  });

  test('what changes by itself is shown by itself, and an agent that falls silent is never green', async () => {
    const page = await show({}, well());
    agent.say(ailing());
    await page.getByRole('heading', { name: '2 things to fix' }).waitFor();
    agent.say(null);
    await page.getByRole('heading', { name: 'Drawbridge does not answer' }).waitFor();
    expect(await page.locator('section.state').getAttribute('class')).toContain('grey');
    await page.context().close();
  });

  test('the code leaves the address at once; a reload goes on, a second use is told to be over', async () => {
    const page = await show();
    const address = page.url();
    expect(new URL(address).hash).toBe('');
    await page.reload();
    await page.getByRole('heading', { name: '2 things to fix' }).waitFor();
    const url = served.url();
    const first = await browser.newContext();
    const one = await first.newPage();
    await one.goto(url);
    await one.getByRole('heading', { name: '2 things to fix' }).waitFor();
    const second = await browser.newContext();
    const other = await second.newPage();
    await other.goto(url);
    await other.getByRole('heading', { name: 'This page has expired' }).waitFor();
    await Promise.all([first.close(), second.close(), page.context().close()]);
  });

  test('a page of another origin reads nothing and changes nothing', async () => {
    const other = await openPage(new StandIn(), {
      locale: { language: 'en', dates: 'en' },
      desktop: null,
      openPane: async () => false,
    });
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await page.goto(other.url());
    agent.asked.length = 0;
    const target = new URL(served.url()).origin;
    const outcome = await page.evaluate(async (origin) => {
      const tries = [
        fetch(`${origin}/api/view`),
        fetch(`${origin}/api/do`, { method: 'POST', mode: 'no-cors', body: '{"verb":"recheck"}' }),
        fetch(`${origin}/`),
      ];
      const done = await Promise.allSettled(tries);
      return done.map((one) =>
        one.status === 'rejected' ? 'blocked' : `${one.value.type} ${one.value.status}`,
      );
    }, target);
    expect(outcome).toEqual(['blocked', 'blocked', 'blocked']);
    expect(agent.asked).toEqual([]);
    await context.close();
    await other.close();
  });

  test('a name that was bound to this address gets nothing', async () => {
    const rebound = await startBrowser(['--host-resolver-rules=MAP evil.example.com 127.0.0.1']);
    const page = await rebound.newPage();
    const { port, hash } = new URL(served.url());
    const answer = await page.goto(`http://evil.example.com:${port}/${hash}`);
    expect(answer?.status()).toBe(421);
    await rebound.close();
  });
});

describe('the page’s door', () => {
  let served: OpenPage;
  let agent: StandIn;
  const own = () => ({ host: `127.0.0.1:${new URL(served.url()).port}` });
  const codeOf = (url: string) => new URL(url).hash.slice(1);
  const tokenFor = async () => {
    const answer = await ask(served.url(), {
      method: 'POST',
      path: '/api/session',
      headers: own(),
      body: { code: codeOf(served.url()) },
    });
    return String(JSON.parse(answer.text).token);
  };

  beforeAll(async () => {
    agent = new StandIn();
    served = await openPage(agent, {
      locale: { language: 'en', dates: 'en' },
      desktop: null,
      openPane: async () => true,
    });
  });

  afterAll(() => served.close());

  test('every answer forbids what a page could be tricked into', async () => {
    const { headers, status } = await ask(served.url(), { headers: own() });
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; (?!.*unsafe).*frame-ancestors 'none'/,
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(headers).not.toHaveProperty('set-cookie');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test.each<[string, () => Record<string, string>, number]>([
    ['another host', () => ({ host: 'evil.example.com' }), 421],
    ['localhost', () => ({ host: `localhost:${own().host.split(':')[1]}` }), 421],
    ['another port', () => ({ host: '127.0.0.1:1' }), 421],
    ['another origin', () => ({ ...own(), origin: 'https://evil.example.com' }), 403],
    ['no origin that has a name', () => ({ ...own(), origin: 'null' }), 403],
    ['another site, by the browser’s own word', () => ({ ...own(), 'sec-fetch-site': 'cross-site' }), 403],
    ['the same site', () => ({ ...own(), 'sec-fetch-site': 'same-site' }), 403],
    ['no token', own, 401],
    ['a token that nobody gave', () => ({ ...own(), authorization: `Bearer ${'A'.repeat(43)}` }), 401],
  ])('refused: %s', async (_name, headers, status) => {
    expect((await ask(served.url(), { path: '/api/view', headers: headers() })).status).toBe(status);
  });

  test('a code works once; one that was guessed, or is no string, does not', async () => {
    const code = codeOf(served.url());
    const use = (given: unknown) =>
      ask(served.url(), { method: 'POST', path: '/api/session', headers: own(), body: { code: given } });
    expect((await use('A'.repeat(43))).status).toBe(401);
    expect((await use({ $ne: '' })).status).toBe(401);
    expect((await use(code)).status).toBe(200);
    expect((await use(code)).status).toBe(401);
  });

  test.each<[unknown, number]>([
    [{ verb: 'run', command: '/bin/sh' }, 400],
    [{ verb: 'open', pane: 'file:///etc/passwd' }, 400],
    [{ verb: 'fix', fix: 'ufw disable' }, 400],
    [{ verb: 'status' }, 400],
    [{ verb: 'recheck', check: 'x'.repeat(4_000) }, 400],
    [[], 400],
    [{ verb: 'recheck', check: 'firewall' }, 200],
  ])('asked for %j: %i', async (body, status) => {
    const headers = { ...own(), authorization: `Bearer ${await tokenFor()}` };
    expect((await ask(served.url(), { method: 'POST', path: '/api/do', headers, body })).status).toBe(status);
  });

  test.runIf(process.geteuid?.() === 0)(
    'another user of this computer gets nothing, with a stolen code or token (needs root)',
    async () => {
      const code = codeOf(served.url());
      const headers = { ...own(), authorization: `Bearer ${await tokenFor()}` };
      const asNobody = async (asking: Parameters<typeof ask>[1]) => {
        process.seteuid?.(65_534);
        // The socket is made at once, and is that user's for good.
        const answer = ask(served.url(), asking);
        await new Promise((resolve) => setTimeout(resolve, 50));
        process.seteuid?.(0);
        return (await answer).status;
      };
      expect(await asNobody({ path: '/api/view', headers })).toBe(403);
      expect(await asNobody({ method: 'POST', path: '/api/session', headers: own(), body: { code } })).toBe(
        403,
      );
      // The thief did not use it up.
      expect(
        (await ask(served.url(), { method: 'POST', path: '/api/session', headers: own(), body: { code } }))
          .status,
      ).toBe(200);
    },
  );
});
