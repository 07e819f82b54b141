import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  statSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditHost } from '../../src/gateway/audit-host.ts';
import { isRoot } from '../needs.ts';
import { hasFreeradius } from '../support/freeradius.ts';

const STOCK = '/etc/freeradius/3.0';
const CLI = join(import.meta.dirname, '../../src/cli/drawbridge-gateway.ts');
const NONE = { xl2tpd: '/nonexistent', pppFolder: '/nonexistent' };

describe.runIf(hasFreeradius && isRoot && existsSync(STOCK))(
  'into an existing FreeRADIUS, as docs/gateway.md says (needs root, freeradius)',
  () => {
    let folder: string;
    let raddb: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'drawbridge-existing-'));
      raddb = join(folder, 'raddb');
      chmodSync(folder, 0o755);
      copy(STOCK, raddb);
      // EAP's certificates belong to a package that need not be here, and EAP is nothing to the VPN.
      for (const name of ['mods-enabled/eap', 'sites-enabled/inner-tunnel']) rmSync(join(raddb, name));
      writeFileSync(join(raddb, 'mods-enabled/eap'), 'always eap {\n\trcode = noop\n}\n');
      edit('radiusd.conf', /^raddbdir = .*$/m, `raddbdir = ${raddb}`);
      edit('radiusd.conf', /^run_dir = .*$/m, `run_dir = ${folder}`);
      edit('clients.conf', /testing123/g, 'a-secret-of-this-test');
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** With owners and modes. */
    const copy = (from: string, to: string) =>
      expect(spawnSync('/bin/cp', ['-a', from, to], { encoding: 'utf8' }).stderr).toBe('');

    function edit(file: string, from: RegExp, to: string) {
      const path = join(raddb, file);
      const { uid, gid, mode } = statSync(path);
      const changed = readFileSync(path, 'utf8').replace(from, to);
      // Some are links to what is shipped.
      rmSync(path);
      writeFileSync(path, changed, { mode });
      chownSync(path, uid, gid);
    }

    const check = () =>
      spawnSync('/usr/sbin/freeradius', ['-C', '-l', 'stdout', '-d', raddb], { encoding: 'utf8' });
    const fails = async () =>
      (await auditHost(raddb, NONE)).filter(({ level }) => level === 'fail').map(({ found }) => found);

    test('before, the audit says that nobody asks the gate', async () => {
      expect((await fails())[0]).toContain('everybody is let in');
    });

    test('afterwards FreeRADIUS takes it, and the audit has nothing to say', async () => {
      const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
      write('credential', 'gw_a.AAAAAAAAAAAAAAAAAAAAAA');
      write('ca.pem', '');
      write(
        'gateway.yaml',
        JSON.stringify({
          servers: ['https://posture.example.org:8443'],
          caFile: 'ca.pem',
          credentialFile: 'credential',
          freeradius: { confdir: raddb },
        }),
      );
      const out = join(folder, 'out');
      const argv = [CLI, 'render', '--config', join(folder, 'gateway.yaml'), '--out', out];
      const rendered = spawnSync(process.execPath, argv, { encoding: 'utf8' });
      expect(rendered).toMatchObject({ status: 0, stderr: '' });
      for (const name of ['mods-available/drawbridge', 'policy.d/drawbridge', 'drawbridge']) {
        copy(join(out, name), join(raddb, name));
      }
      symlinkSync('../mods-available/drawbridge', join(raddb, 'mods-enabled/drawbridge'));
      edit('radiusd.conf', /^modules \{$/m, '$INCLUDE ${confdir}/drawbridge/settings.conf\nmodules {');
      edit(
        'sites-enabled/default',
        /^(\s*)Post-Auth-Type REJECT \{$/m,
        '\tdrawbridge_post_auth\n$1Post-Auth-Type REJECT {',
      );
      edit('sites-enabled/default', /attr_filter\.access_reject/, 'drawbridge_post_auth_reject');
      edit('sites-enabled/default', /^accounting \{$/m, 'accounting {\n\tdrawbridge_accounting');
      const checked = check();
      expect(checked.stdout + checked.stderr).not.toMatch(/Error/i);
      expect(checked.status).toBe(0);
      expect(await fails()).toEqual([]);
    });
  },
);
