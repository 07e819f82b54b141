// A browser for the status page, and requests as others than that page would make them.
import { existsSync } from 'node:fs';
import { request, type OutgoingHttpHeaders } from 'node:http';
import { chromium, type Browser } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

export const hasChromium = existsSync(CHROMIUM);

/** As root Chromium has no sandbox of its own. */
export function startBrowser(more: readonly string[] = [], program = CHROMIUM): Promise<Browser> {
  return chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu', ...more] });
}

export type Answered = { status: number; headers: NodeJS.Dict<string | string[]>; text: string };

export type Asking = { method?: string; path?: string; headers?: OutgoingHttpHeaders; body?: unknown };

/** One request to where an address points, with exactly these headers; a body is sent as JSON. */
export function ask(
  url: string,
  { method = 'GET', path = '/', headers = {}, body }: Asking = {},
): Promise<Answered> {
  const { port } = new URL(url);
  const text = body === undefined ? '' : JSON.stringify(body);
  const type =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': text.length };
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, method, path, agent: false, headers: { ...type, ...headers } },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer }),
        );
      },
    );
    sent.once('error', reject);
    sent.end(text);
  });
}
