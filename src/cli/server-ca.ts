import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { PemConverter } from '../base/x509.ts';
import { iso, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { openCertificates, type Certificates } from '../server/ca/certificates.ts';
import { forecast, type Forecast } from '../server/ca/forecast.ts';
import {
  authorityPaths,
  createHierarchy,
  importIssuing,
  nextRequest,
  signRequest,
} from '../server/ca/hierarchy.ts';
import { CERTIFICATE_REFUSALS } from '../server/ca/refusals.ts';
import { isReason, revokeDevice, revokeOne } from '../server/ca/revocation.ts';
import type { ServerConfig } from '../server/config.ts';
import { exists } from '../server/init.ts';
import { audit } from '../server/store/audit.ts';
import { listCertificates, putEstToken } from '../server/store/certificates.ts';
import { findDevice } from '../server/store/devices.ts';
import type { Store } from '../server/store/store.ts';
import { hashSecret } from '../wire/token.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { say, sayJson, table } from './present.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

const by = () => ({ actor: 'cli', now: Date.now() });
const pathsFor = ({ dataDir }: ServerConfig) => authorityPaths(dataDir);

export type CaInitOptions = ServerOptions & { offlineRoot?: string; organisation: string };

export async function caInitCommand(options: CaInitOptions): Promise<number> {
  const paths = pathsFor(await serverConfig(options));
  if (await exists(paths.root))
    throw new UsageError(`${paths.folder} holds an authority already; nothing was changed.`);
  const rootFolder = resolve(options.offlineRoot ?? paths.folder);
  await createHierarchy(paths, rootFolder, { organisation: options.organisation, now: Date.now() });
  if (options.json) sayJson({ folder: paths.folder, rootFolder });
  else say(initText(paths.folder, rootFolder));
  return 0;
}

function initText(folder: string, rootFolder: string): string {
  return [
    `made the issuing authority in ${folder}`,
    `made the root in ${rootFolder}`,
    '',
    rootFolder === folder
      ? 'Whoever reads this folder can sign what gateways trust. Better keep the root elsewhere: --offline-root.'
      : 'Keep the root’s folder away from this machine, with a copy: it is needed again when the issuing authority is renewed.',
    'Next: restart the server, and give gateways ca/root.pem and ca/issuing.pem (docs/certificates.md).',
  ].join('\n');
}

export type OutOptions = ServerOptions & { out?: string };

export async function caCsrCommand(options: OutOptions & { organisation: string }): Promise<number> {
  return hand(options, await nextRequest(pathsFor(await serverConfig(options)), options.organisation));
}

export async function caSignCommand(file: string, options: OutOptions & { root: string }): Promise<number> {
  const request = await readFile(file, 'utf8');
  const signed = await signRequest(request, options.root, Date.now()).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  return hand(options, signed);
}

export async function caImportCommand(
  file: string,
  options: ServerOptions & { root?: string },
): Promise<number> {
  const paths = pathsFor(await serverConfig(options));
  const root = options.root === undefined ? null : await readFile(options.root, 'utf8');
  const done = await importIssuing(paths, await readFile(file, 'utf8'), root, Date.now());
  if (!done.ok) throw new UsageError(done.error);
  const { subject, notAfter } = done.value;
  await withStore(options, (store) =>
    store.write((db) =>
      audit(db, Date.now(), { actor: 'cli', action: 'import authority', subject, detail: { notAfter } }),
    ),
  );
  if (options.json) sayJson({ subject, notAfter: notAfter.toISOString() });
  else say(`${subject} signs from the server’s next start on, until ${notAfter.toISOString()}.`);
  return 0;
}

/** Exit code 2 where something will end unattended. */
export async function caStatusCommand(options: ServerOptions): Promise<number> {
  const seen = await withCertificates(options, async ({ authority }, store, { ca }) => ({
    authority: authority.name,
    ...(await forecast(store, await authority.chain(), ca, Date.now())),
  }));
  if (options.json) sayJson(seen);
  else say(statusText(seen));
  return seen.problems.length === 0 ? 0 : 2;
}

function statusText({ authorities, devices, gateways, problems }: Forecast): string {
  const ends = [
    ...authorities.map(({ name, subject, notAfter }) => `${name}: ${subject}, until ${notAfter}`),
    ...gateways.map(({ name, notAfter }) => `gateway ${name}: until ${notAfter}`),
  ];
  const fleet = `devices with a certificate: ${devices.holding}, late with renewing: ${devices.late}`;
  const last = devices.lastEnd === null ? [] : [`the last of them ends: ${devices.lastEnd}`];
  return [...ends, fleet, ...last, ...problems.map((problem) => `! ${problem}`)].join('\n');
}

const SHOWN = 200;

export async function caListCommand(options: ServerOptions & { device?: string }): Promise<number> {
  const rows = await withStore(options, (store) =>
    store.read((db) => listCertificates(db, { device: options.device, limit: SHOWN })),
  );
  const shown = rows.map(({ serial, name, via, issued_at, not_after, revoked_at, reason }) => ({
    serial,
    name,
    via,
    issuedAt: iso(issued_at),
    notAfter: iso(not_after),
    revoked: revoked_at === null ? null : { at: iso(revoked_at), reason },
  }));
  if (options.json) sayJson(shown);
  else if (shown.length === 0) say('No certificates have been issued.');
  else
    say(
      await table(
        ['Serial', 'Name', 'Via', 'Issued', 'Until', 'Revoked'],
        shown.map((one) => [
          one.serial,
          one.name,
          one.via,
          one.issuedAt,
          one.notAfter,
          one.revoked === null ? '' : `${one.revoked.at} ${one.revoked.reason}`,
        ]),
      ),
    );
  return 0;
}

export type RevokeOptions = ServerOptions & { device?: string; reason: string };

export async function caRevokeCommand(
  serial: string | undefined,
  { device, reason, ...options }: RevokeOptions,
): Promise<number> {
  if (!isReason(reason))
    throw new UsageError(
      '--reason is keyCompromise, superseded, cessationOfOperation or privilegeWithdrawn.',
    );
  if ((serial === undefined) === (device === undefined))
    throw new UsageError('Name a serial number, or a device with --device.');
  const count = await withStore(options, (store) =>
    store.write(async (db) =>
      serial === undefined
        ? revokeDevice(db, device ?? '', { reason, because: 'ordered' }, by())
        : Number(await revokeOne(db, serial.toLowerCase(), reason, by())),
    ),
  );
  if (count === 0)
    throw new UsageError('There is nothing of that name to revoke; see: drawbridge-server ca list.');
  if (options.json) sayJson({ revoked: count });
  else say(`${count} revoked; on the list that gateways fetch from now on.`);
  return 0;
}

export type IssueOptions = OutOptions & { name: string[] };

/** A gateway's certificate: who may read the authority's key may give one. */
export async function caIssueCommand(file: string, options: IssueOptions): Promise<number> {
  const [der] = PemConverter.decode(await readFile(file, 'utf8'));
  if (der === undefined) throw new UsageError(`${file} holds no request in PEM.`);
  const given = await withCertificates(options, ({ desk }) =>
    desk.forGateway(options.name, new Uint8Array(der), 'cli'),
  );
  if (!given.ok) throw new UsageError(CERTIFICATE_REFUSALS[given.error].hint);
  return hand(options, `${given.value.certificate}${given.value.issuing}`);
}

const MAX_TOKEN_MS = DAY_MS;

export async function caTokenCommand(
  device: string,
  options: ServerOptions & { valid: string },
): Promise<number> {
  const token = randomBytes(16).toString('base64url');
  const now = Date.now();
  const expiresAt = now + durationMs(options.valid, '--valid', MAX_TOKEN_MS);
  await withStore(options, (store) =>
    store.write(async (db) => {
      if ((await findDevice(db, device)) === undefined)
        throw new UsageError(`There is no device ${device}; see: drawbridge-server devices.`);
      await putEstToken(db, { device, hash: hashSecret(token), created_at: now, expires_at: expiresAt });
      const detail = { expiresAt: iso(expiresAt) };
      await audit(db, now, { actor: 'cli', action: 'create EST token', subject: device, detail });
    }),
  );
  if (options.json) sayJson({ device, token, expiresAt: iso(expiresAt) });
  else say(`${token}\n\nFor one certificate, until ${iso(expiresAt)}; user name: ${device}`);
  return 0;
}

async function withCertificates<T>(
  options: ServerOptions,
  work: (certificates: Certificates, store: Store, config: ServerConfig) => Promise<T>,
): Promise<T> {
  return withStore(options, async (store, config) => {
    const certificates = await openCertificates({
      settings: config.ca,
      dataDir: config.dataDir,
      store,
      clock: systemClock,
      log: createLogger('ca', 'silent'),
      metrics: { certified: () => {}, showCertificates: () => {} },
      stateOf: async () => null,
      terms: () => {
        throw new Error('no device is judged here');
      },
      orderUpdate: async () => null,
    });
    if (certificates === null)
      throw new UsageError(
        'This server gives no certificates yet. Make an authority: drawbridge-server ca init.',
      );
    return work(certificates, store, config);
  });
}

/** To a file, or to standard output. Nothing secret. */
async function hand({ out, json }: OutOptions, pem: string): Promise<number> {
  if (out !== undefined) await writeFile(out, pem, { mode: 0o644 });
  if (json) sayJson(out === undefined ? { pem } : { out });
  else say(out === undefined ? pem.trimEnd() : `made ${out}`);
  return 0;
}
