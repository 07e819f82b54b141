import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { z } from 'zod';
import type { Readings } from '../../collectors/specs.ts';
import { decision, risk, verdict } from '../wire/decision.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

/** `GET /v1/devices/<id>` as the commands need it; the server's OpenAPI document has the whole. */
const deviceDocument = z.object({
  device: z
    .object({ id: z.string(), name: z.string(), platform: z.enum(['windows', 'macos', 'linux']) })
    .loose(),
  readings: z.custom<Partial<Readings>>((value) => typeof value === 'object' && value !== null),
  verdicts: z.array(verdict),
  risk,
  decision: decision.nullable(),
  firstToFix: verdict.nullable(),
  requiredUnknown: z.array(z.string()),
  lastSeen: z.string().nullable(),
  connected: z.boolean(),
});

export type DeviceDocument = z.infer<typeof deviceDocument>;

export type Api = { device(id: string): Promise<DeviceDocument> };

/** The administrator's API of a server whose data folder is at hand: its own authority and the admin token. */
export async function connectApi(url: string, dataFolder: string): Promise<Api> {
  const [ca, token] = await Promise.all([
    readFile(join(dataFolder, 'tls-ca.pem'), 'utf8'),
    readFile(join(dataFolder, 'admin-token'), 'utf8'),
  ]);
  const get = (path: string) => getJson(new URL(path, url), ca, token.trim());
  return {
    device: async (id) => deviceDocument.parse(await get(`/v1/devices/${encodeURIComponent(id)}`)),
  };
}

function getJson(url: URL, ca: string, token: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const outgoing = request(url, { ca, headers, timeout: TIMEOUT_MS }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > MAX_BYTES) incoming.destroy(new Error('the answer is too large'));
      });
      incoming.once('error', reject);
      incoming.once('end', () => {
        if (incoming.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`${url.pathname}: the server answered ${incoming.statusCode}`));
      });
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${url.host} does not answer`)));
    outgoing.once('error', reject);
    outgoing.end();
  });
}
