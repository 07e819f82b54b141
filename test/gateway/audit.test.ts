import { beforeAll, describe, expect, test } from 'vitest';
import { auditConf } from '../../src/gateway/audit.ts';
import { readConf } from '../../src/gateway/conf-text.ts';
import { renderSite } from '../../src/gateway/render.ts';
import { shippedFiles } from '../../src/gateway/write-configuration.ts';
import { gatewayConfigWith } from './settings.ts';

const SECRETS = {
  credential: 'gw_a.AAAAAAAAAAAAAAAAAAAAAA',
  clients: new Map([['lns', 'a-secret-of-this-test']]),
  coaClients: new Map([['posture', 'another-secret-of-it']]),
  helperToken: 'a-token-of-this-test',
  homeServers: [],
  ldapPassword: null,
};

describe('an audit', () => {
  let files: Map<string, string>;
  beforeAll(async () => {
    const config = gatewayConfigWith({
      helper: { tokenFile: 't' },
      coa: { clients: [{ name: 'posture', address: '192.0.2.10', secretFile: 's' }] },
      freeradius: { clients: [{ name: 'lns', address: '192.0.2.1', secretFile: 's' }] },
    });
    const all = [...shippedFiles(), ...renderSite(config, SECRETS)];
    files = new Map(all.map(({ path, text }) => [path, text]));
  });

  /** What is found once `from` in a file has become `to`. */
  function audited(file?: string, from: string | RegExp = '', to = '') {
    const texts = new Map(files);
    if (file !== undefined) {
      const changed = (texts.get(file) ?? '').replace(from, to);
      expect(changed).not.toBe(texts.get(file));
      texts.set(file, changed);
    }
    const include = (target: string) => {
      const name = target.replace(/^(\$\{confdir\}|\/etc\/freeradius\/drawbridge)\//, '');
      const text = texts.get(name);
      if (text === undefined) throw new Error(`no ${target}`);
      return [{ file: name, text }];
    };
    return auditConf(readConf({ file: 'radiusd.conf', text: texts.get('radiusd.conf') ?? '' }, include));
  }

  test('of what is shipped and rendered finds nothing', () => {
    expect(audited()).toEqual([]);
  });

  const SITE = 'sites-available/drawbridge';
  const REST = 'drawbridge/rest.conf';
  const CLIENTS = 'drawbridge/clients.conf';

  test.each<[string, string, string | RegExp, string, string]>([
    ['a gate that is not asked', SITE, /^\t\tdrawbridge_post_auth$/m, '', 'everybody is let in'],
    ['a gate in a comment', SITE, /^\t\tdrawbridge_post_auth$/m, '\t\t# drawbridge_post_auth', 'everybody'],
    ['a reject that keeps attributes', SITE, 'drawbridge_post_auth_reject', 'reject', 'stays in the answer'],
    [
      'something after the gate',
      SITE,
      /^\t\tdrawbridge_post_auth$/m,
      '\t\tdrawbridge_post_auth\n\t\tsql',
      'sql comes after',
    ],
    ['no accounting', SITE, /^\t\tdrawbridge_accounting$/m, '', 'will not know when sessions end'],
    [
      'a question before the password',
      SITE,
      /^\t\tpap$/m,
      '\t\tpap\n\t\tdrawbridge_post_auth',
      'before the password',
    ],
    ['connect_uri', REST, 'tls {', 'connect_uri = "https://a"\ntls {', 'last for retry_delay'],
    ['the stock body', REST, /^\s*data = .*$/m, '', 'Passwords of PAP'],
    ['a password in the body', REST, '%{User-Name}', '%{User-Password}', 'Passwords of PAP'],
    ['certificates that nobody checks', REST, 'check_cert = yes', 'check_cert = no', 'let everybody in'],
    ['names that nobody checks', REST, 'check_cert_cn = yes', 'check_cert_cn = no', 'let everybody in'],
    ['HTTP without TLS', 'drawbridge/servers.conf', 'https://posture', 'http://posture', 'in clear'],
    ['the secret of everybody', CLIENTS, 'a-secret-of-this-test', 'testing123', 'everybody knows'],
    ['a short secret', CLIENTS, 'a-secret-of-this-test', 'short', 'short'],
    ['a far client that does not sign', CLIENTS, '= yes', '= no', 'Message-Authenticator'],
    ['CoA that nobody does', 'drawbridge/coa.conf', 'drawbridge_recv_coa', 'ok', 'not handed'],
  ])('finds %s', (_what, file, from, to, found) => {
    const findings = audited(file, from, to);
    expect(findings.map((one) => one.found).join('\n')).toContain(found);
    expect(findings).toHaveLength(1);
  });
});

describe('a configuration', () => {
  const read = (text: string) => readConf({ file: 'f', text }, () => []);

  test('is read with its sections, quotes, comments and continued lines', () => {
    const text = `a = "x # y" # not this
b = one\\
two
server s {
	listen { type = auth }
	post-auth {
		if (&Foo == "}") {
			m
		}
	}
}`;
    expect(read(text).map(({ line, path, key, value }) => [line, path.join('/'), key, value])).toEqual([
      [1, '', 'a', 'x # y'],
      [3, '', 'b', 'onetwo'],
      [5, 'server s/listen', 'type', 'auth'],
      [8, 'server s/post-auth/if (&Foo == "}")', 'm', null],
    ]);
  });

  test('that includes itself comes to an end', () => {
    const loop = { file: 'f', text: 'a = b\n$INCLUDE f' };
    expect(readConf(loop, () => [loop]).length).toBeLessThan(50);
  });
});
