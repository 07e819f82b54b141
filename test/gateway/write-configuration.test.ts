import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeConfiguration } from '../../src/gateway/write-configuration.ts';
import { gatewayConfigWith } from './settings.ts';

const SECRETS = {
  credential: 'gw_a.AAAAAAAAAAAAAAAAAAAAAA',
  clients: new Map([['lns', 'a-secret-of-this-test']]),
  coaClients: new Map([['posture', 'another-secret-of-it']]),
  helperToken: 'a-token-of-this-test',
  homeServers: ['a-secret-of-the-home'],
  ldapPassword: 'a-password-of-it',
};

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-written-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the folder is made, and written to again', async () => {
  const out = join(folder, 'out');
  const config = gatewayConfigWith({ freeradius: { user: '' } });
  const first = await writeConfiguration(out, config, SECRETS);
  expect(await writeConfiguration(out, config, SECRETS)).toEqual(first);
  expect(first.every((path) => existsSync(path))).toBe(true);
});

test.each(['missing/out', '/proc/out'])(
  '%s: without its parent nothing is made, and it says so',
  async (out) => {
    const target = out.startsWith('/') ? out : join(folder, out);
    await expect(writeConfiguration(target, gatewayConfigWith({}), SECRETS)).rejects.toThrow(
      'its parent folder is not there',
    );
    expect(readdirSync(folder)).not.toContain('missing');
  },
);
