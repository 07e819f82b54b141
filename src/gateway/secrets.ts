import { readPrivate, type PrivateFileProblem } from '../base/private-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { GatewayConfig } from './config.ts';
import type { GatewaySecrets } from './render.ts';

const MAX_BYTES = 4_096;

/** As `drawbridge-server token create --gateway` prints it: `<id>.<secret>`. */
const CREDENTIAL = /^[A-Za-z0-9_-]{1,100}\.[A-Za-z0-9_-]{16,200}$/;

/** Written into FreeRADIUS' configuration as it is, so nothing that means something there. */
const RADIUS_SECRET = /^[A-Za-z0-9_.~+/=@!:,-]{16,128}$/;

const LDAP_PASSWORD = /^[^\s"\\$`{}\p{Cc}]{1,128}$/u;

const ADVICE: Record<PrivateFileProblem['kind'], string> = {
  missing: 'Write the secret into it, and chmod 600.',
  link: 'Put the file itself there.',
  denied: 'Run this as its owner.',
  'no-file': 'Write the secret into a file.',
  'too-large': 'It has to hold one line.',
  foreign: 'Give it to the user who runs this, with chown.',
  'open-to-others':
    'Make it private with chmod 600, and replace the secret if others have access to this machine.',
  failed: 'Check the disk.',
};

/** All secrets that the settings name. The error is for a person, one line a file. */
export async function readSecrets(config: GatewayConfig): Promise<Result<GatewaySecrets, string>> {
  const problems: string[] = [];
  const read = async (path: string, shape: RegExp, wrong: string) => {
    const secret = await readSecretFile(path, shape, wrong);
    if (!secret.ok) problems.push(secret.error);
    return secret.ok ? secret.value : '';
  };
  const shared = async (clients: readonly { name: string; secretFile: string }[]) => {
    const pairs = clients.map(
      async ({ name, secretFile }) =>
        [name, await read(secretFile, RADIUS_SECRET, RADIUS_SECRET_WRONG)] as const,
    );
    return new Map(await Promise.all(pairs));
  };
  const { users } = config.freeradius;
  const homes = users.kind === 'radius' ? users.servers : [];
  const secrets = {
    credential: await read(config.credentialFile, CREDENTIAL, CREDENTIAL_WRONG),
    clients: await shared(config.freeradius.clients),
    coaClients: await shared(config.coa?.clients ?? []),
    homeServers: await Promise.all(
      homes.map(({ secretFile }) => read(secretFile, RADIUS_SECRET, RADIUS_SECRET_WRONG)),
    ),
    ldapPassword:
      users.kind === 'ldap' ? await read(users.bindPasswordFile, LDAP_PASSWORD, LDAP_PASSWORD_WRONG) : null,
    helperToken:
      config.helper === undefined
        ? null
        : await read(config.helper.tokenFile, RADIUS_SECRET, RADIUS_SECRET_WRONG),
  };
  return problems.length > 0 ? err(problems.join('\n')) : ok(secrets);
}

const LDAP_PASSWORD_WRONG = 'has to hold one line of 1 to 128 characters without space, " \\\\ $ ` { }';
const CREDENTIAL_WRONG =
  'does not hold a gateway’s credential. Make one with: drawbridge-server token create --gateway NAME';
const RADIUS_SECRET_WRONG =
  'has to hold one secret of 16 to 128 letters, digits and . _ ~ + / = @ ! : , - (openssl rand -base64 30 makes one)';

/** The one line of a private file. */
export async function readSecretFile(
  path: string,
  shape: RegExp,
  wrong: string,
): Promise<Result<string, string>> {
  const read = await readPrivate(path, MAX_BYTES);
  if (!read.ok) return err(`${path} ${read.error.detail}. ${ADVICE[read.error.kind]}`);
  const secret = read.value.trim();
  return shape.test(secret) ? ok(secret) : err(`${path} ${wrong}`);
}
