// What programs wrote on a terminal, as a picture: real text, set by a browser.
import type { Browser } from 'playwright-core';
import type { Shown } from '../support/guide.ts';

const STYLE = `body { margin: 0; background: #fff; width: max-content }
pre { margin: 0; padding: 14px 18px; font: 11px/1.45 "DejaVu Sans Mono", monospace; color: #d6dae0; background: #1b1f26 }
.prompt { color: #7f8895 } .b { font-weight: bold; color: #fff } .d { color: #8c95a3 }
.red { color: #ff7b72 } .green { color: #6fcf7c } .yellow { color: #e3b341 } .cyan { color: #79c0ff }`;

/** Graphic renditions of a terminal (ECMA-48) and how they look here; all else is left out. */
const RENDITIONS: Readonly<Record<string, string>> = {
  1: 'b',
  2: 'd',
  31: 'red',
  32: 'green',
  33: 'yellow',
  36: 'cyan',
};

export async function terminalPicture(
  browser: Browser,
  file: string,
  shown: readonly Shown[],
): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 400, height: 100 } });
  const body = shown.map(
    ({ command, out }) => `<span class="prompt"># </span>${escaped(command)}\n${inColour(out)}`,
  );
  await page.setContent(`<style>${STYLE}</style><pre>${body.join('\n')}</pre>`);
  await page.locator('pre').screenshot({ path: file });
  await page.close();
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function inColour(text: string): string {
  const [first = '', ...rest] = text.trimEnd().split('\u001B[');
  const now = new Set<string>();
  const parts = rest.map((part) => {
    const [, codes = '', words = ''] = /^([\d;]*)m([\s\S]*)$/.exec(part) ?? [null, '', part];
    for (const code of codes.split(';')) turn(now, code);
    return words === '' ? '' : `<span class="${[...now].join(' ')}">${escaped(words)}</span>`;
  });
  return `${escaped(first)}${parts.join('')}\n`;
}

function turn(now: Set<string>, code: string): void {
  const name = RENDITIONS[code];
  if (name !== undefined) now.add(name);
  else if (code === '22') for (const one of ['b', 'd']) now.delete(one);
  else if (code === '39') for (const one of ['red', 'green', 'yellow', 'cyan']) now.delete(one);
  else now.clear();
}
