import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { addresses } from '../rig.ts';
import type { Secrets } from './secrets.ts';

const cli = join(import.meta.dirname, '../../../src/cli');

/** `helper`: the gateway has the helper, which the server asks to end and to change sessions. */
export type SiteOptions = { helper?: boolean };

/** Where the company's own network may be reached from a session that is restricted. */
export const RESTRICTED_REACH = '10.99.0.11';

type Prepared = { tokens: string[]; signalSecret: string };

/** `data` for the server, `gate` for FreeRADIUS, and beside them the gateway's settings; answers with enrolment tokens. */
export function prepareSite(
  folder: string,
  secrets: Secrets,
  { url, port, policy, helper = false }: SiteOptions & { url: string; port: number; policy: string },
): Prepared {
  const data = join(folder, 'data');
  command('drawbridge-server.ts', [
    'init',
    '--data',
    data,
    '--name',
    addresses.server,
    '--host',
    '0.0.0.0',
    '--port',
    String(port),
  ]);
  writeFileSync(join(data, 'policy.yaml'), policy);
  const signalSecret = `whsec_${randomBytes(32).toString('base64')}`;
  const secret = (path: string, text: string) => writeFileSync(join(folder, path), text, { mode: 0o600 });
  secret('data/edr.secret', signalSecret);
  for (const path of ['data/nas.secret', 'coa-secret']) secret(path, `${secrets.radius}-coa\n`);
  secret('helper-token', `${secrets.radius}-helper\n`);
  appendFileSync(join(data, 'server.yaml'), stringify(serverSettings(helper)));
  const token = (...more: string[]) =>
    JSON.parse(
      command('drawbridge-server.ts', ['token', 'create', '--data', data, '--json', ...more]),
    ) as Record<string, string>;
  const [credential = ''] = Object.values(token('--gateway', 'gw')).filter((value) => value.length > 30);
  secret('credential', `${credential}\n`);
  secret('secret', `${secrets.radius}\n`);
  writeFileSync(
    join(folder, 'gateway.yaml'),
    stringify({
      servers: [url],
      caFile: '/etc/drawbridge/tls-ca.pem',
      credentialFile: 'credential',
      // What takes the server milliseconds takes it seconds in an emulated machine that others leave no time.
      timeouts: { connectSeconds: 3, answerSeconds: 6 },
      freeradius: {
        user: '',
        clients: [{ name: 'pppd', address: '127.0.0.1', secretFile: 'secret', kind: 'pppd' }],
      },
      ...(helper && HELPER_SETTINGS),
    }),
  );
  command('drawbridge-gateway.ts', [
    'render',
    '--config',
    join(folder, 'gateway.yaml'),
    '--out',
    join(folder, 'gate'),
  ]);
  mkdirSync(join(folder, 'gate'), { recursive: true });
  return { tokens: [token(), token()].map((one) => one.token ?? ''), signalSecret };
}

const HELPER_SETTINGS = {
  helper: {
    tokenFile: 'helper-token',
    filters: {
      'posture-full': 'open',
      'posture-restrict': { reach: [RESTRICTED_REACH] },
      'posture-quarantine': { reach: [] },
    },
  },
  coa: {
    listen: addresses.gateway,
    clients: [{ name: 'posture', address: addresses.server, secretFile: 'coa-secret' }],
  },
};

const serverSettings = (helper: boolean) => ({
  signals: [{ source: 'edr', secretFile: 'edr.secret' }],
  ...(helper && {
    radius: {
      nas: [
        {
          name: 'gw',
          // What pppd calls itself: what the node's name resolves to.
          addresses: ['127.0.0.0/8'],
          type: 'freeradius-pppd',
          dynamicAuthorization: { host: addresses.gateway, secretFile: 'nas.secret' },
        },
      ],
    },
  }),
});

/** One of the project's own programs, on this machine. */
export function command(program: string, argv: string[]): string {
  const done = spawnSync(process.execPath, [join(cli, program), ...argv], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${done.stderr}${done.stdout}`);
  return done.stdout;
}
