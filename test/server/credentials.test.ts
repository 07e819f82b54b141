import { describe, expect, test } from 'vitest';
import { changedKeyfile, changedOptions } from '../../src/agent/credential/linux.ts';
import { ntHash, passwordFor } from '../../src/server/credentials/derive.ts';
import { deviceOfUser } from '../../src/wire/credential.ts';

const KEY = Buffer.alloc(32, 7);
const DEVICE = '01930000-0000-7000-8000-000000000001';

describe('a VPN password', () => {
  test('is its device’s, generation’s and epoch’s alone, and nobody’s without the key', () => {
    const which = { device: DEVICE, generation: 1, epoch: 5 };
    const password = passwordFor(KEY, which);
    expect(password).toMatch(/^[\w-]{24}$/);
    expect(passwordFor(KEY, which)).toBe(password);
    for (const other of [
      { ...which, device: `${DEVICE.slice(0, -1)}2` },
      { ...which, generation: 2 },
      { ...which, epoch: 6 },
      { ...which, generation: 15, epoch: 5 },
    ])
      expect(passwordFor(KEY, other)).not.toBe(password);
    expect(passwordFor(Buffer.alloc(32, 8), which)).not.toBe(password);
  });

  test('its hash is that of MS-CHAPv2', async () => {
    // RFC 2759 §9.2, and what smbencrypt of FreeRADIUS says.
    expect(await ntHash('clientPass')).toBe('44ebba8d5312b8d611474411f56989ae');
    expect(await ntHash('correct horse')).toBe('cfc43211ba8dc470832267827cac1407');
  });

  test.each([
    ['dev-01930000-0000-7000-8000-000000000001', DEVICE],
    ['DEV-01930000-0000-7000-8000-000000000001', null],
    ['dev-01930000-0000-7000-8000-000000000001x', null],
    ['dev-x', null],
    ['alice', null],
  ])('%s is the name of %s', (user, device) => {
    expect(deviceOfUser(user)).toBe(device);
  });
});

describe('the agent’s own profiles', () => {
  const options = '# Kept by Drawbridge\nname "dev-1"\npassword "old"\nlinkname x\n';
  const keyfile =
    '[vpn]\nuser=dev-1\npassword-flags=0\nmtu=1280\n\n[vpn-secrets]\npassword=old\nipsec-psk=p\n\n[ipv4]\nmethod=auto\n';

  test('get the password, lose it, and get it back', () => {
    const fresh = changedOptions(options, 'dev-1', 'new');
    expect(fresh).toBe(options.replace('old', 'new'));
    const without = changedOptions(fresh, 'dev-1', null);
    expect(without).not.toContain('password');
    expect(changedOptions(without, 'dev-1', 'new')).toBe(fresh);
    const key = changedKeyfile(keyfile, 'dev-1', 'new');
    expect(key).toBe(keyfile.replace('password=old', 'password=new'));
    const bare = changedKeyfile(key, 'dev-1', null);
    expect(bare).toContain('password-flags=1');
    expect(bare).not.toContain('password=new');
    expect(changedKeyfile(bare, 'dev-1', 'new')).toBe(key);
  });

  test('of other users are left alone', () => {
    expect(changedOptions(options, 'dev-2', 'new')).toBe(options);
    expect(changedKeyfile(keyfile, 'dev-2', 'new')).toBe(keyfile);
  });
});
