import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Readings } from '../../collectors/specs.ts';
import { decision, risk, verdict } from '../wire/decision.ts';
import { adminRequest, type Credentials } from './admin-request.ts';

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
  const get = (path: string) => getJson(new URL(path, url), { ca, token: token.trim() });
  return {
    device: async (id) => deviceDocument.parse(await get(`/v1/devices/${encodeURIComponent(id)}`)),
  };
}

async function getJson(url: URL, credentials: Credentials): Promise<unknown> {
  const answer = await adminRequest(url, credentials);
  if (answer?.status === 200) return answer.body;
  throw new Error(
    `${url.pathname}: the server ${answer === null ? 'does not listen' : `answered ${answer.status}`}`,
  );
}
