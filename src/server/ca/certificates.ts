import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import type { Actor } from '../../base/actors.ts';
import type { Logger } from '../../base/log.ts';
import type { CertificateEnds, Metrics } from '../metrics.ts';
import { readSecret } from '../secret-file.ts';
import { StartError } from '../start-error.ts';
import type { CertificateAuthority } from './authority.ts';
import { createDesk, type Desk } from './desk.ts';
import { forecast, type Forecast } from './forecast.ts';
import { authorityPaths, loadHierarchy } from './hierarchy.ts';
import { internalAuthority } from './internal.ts';
import { stepCaAuthority } from './step-ca.ts';
import { createReplacing, type Replacing, type ReplacingParts } from './replace-revoked.ts';
import { createRevocation, type Revocation } from './revocation.ts';
import type { CaSettings } from './settings.ts';

/** All about certificates, tied together. */
export type Certificates = {
  desk: Desk;
  revocation: Revocation;
  replacing: Replacing;
  authority: CertificateAuthority;
  actor: Actor;
};

export type CertificateParts = ReplacingParts & {
  settings: CaSettings;
  dataDir: string;
  metrics: Pick<Metrics, 'certified' | 'showCertificates'>;
};

const SWEEP_MS = 60_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Null where this server gives no certificates. Throws `StartError` for an authority that cannot be used. */
export async function openCertificates(parts: CertificateParts): Promise<Certificates | null> {
  const authority = await openAuthority(parts);
  if (authority === null) return null;
  const { settings, metrics, clock, store } = parts;
  metrics.showCertificates(async () =>
    endsOf(await forecast(store, await authority.chain(), settings, clock.now())),
  );
  const desk = createDesk({ ...parts, authority, answered: metrics.certified });
  const revocation = createRevocation({ ...parts, authority, crlValidMs: settings.crlMinutes * MINUTE_MS });
  const replacing = createReplacing(parts);
  const sweep = async (signal: AbortSignal) => {
    let warnAt = 0;
    while (!signal.aborted) {
      await revocation.sweep(parts.stateOf);
      await replacing.look();
      if (clock.now() >= warnAt) {
        await warn(parts, authority);
        warnAt = clock.now() + DAY_MS;
      }
      await clock.sleep(SWEEP_MS, signal).catch(() => {});
    }
  };
  const run = async (signal: AbortSignal) => void (await Promise.all([sweep(signal), replacing.run(signal)]));
  return { desk, revocation, replacing, authority, actor: { name: 'certificates', run } };
}

/** For whoever reads the log and neither metrics nor `ca status`. */
async function warn(
  { store, settings, clock, log }: CertificateParts,
  authority: CertificateAuthority,
): Promise<void> {
  try {
    const { problems } = await forecast(store, await authority.chain(), settings, clock.now());
    for (const problem of problems) log.warn({ problem }, 'certificates');
  } catch (error) {
    log.warn({ err: error }, 'what ends when could not be foreseen');
  }
}

const seconds = (time: string) => Math.floor(Date.parse(time) / 1_000);

/** For the metrics, where a gateway without a certificate that is good shows by its end in the past. */
function endsOf({ authorities, devices, gateways }: Forecast): CertificateEnds {
  const { holding, late, firstEnd, lastEnd } = devices;
  const all = [
    ...authorities,
    ...gateways.map(({ name, notAfter }) => ({ name: `gateway ${name}`, notAfter })),
  ];
  const ends = Object.fromEntries(all.map(({ name, notAfter }) => [name, seconds(notAfter)]));
  if (firstEnd !== null) ends['first device'] = seconds(firstEnd);
  if (lastEnd !== null) ends['last device'] = seconds(lastEnd);
  return { ends, holding, late };
}

async function openAuthority({
  settings,
  dataDir,
  log,
}: CertificateParts): Promise<CertificateAuthority | null> {
  try {
    if (settings.stepCa !== undefined) return await openStepCa(settings.stepCa, log);
    const hierarchy = await loadHierarchy(authorityPaths(dataDir));
    if (hierarchy === null) return null;
    const { issuing: certificate, root, key } = hierarchy;
    const crlValidMs = settings.crlMinutes * MINUTE_MS;
    return internalAuthority({ certificate, root, key, crlUrl: settings.crlUrl ?? null, crlValidMs });
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

async function openStepCa(
  { url, caFile, provisioner, keyFile }: NonNullable<CaSettings['stepCa']>,
  log: Logger,
): Promise<CertificateAuthority> {
  const key: unknown = JSON.parse(await readSecret(keyFile));
  return stepCaAuthority({ url, ca: await readFile(caFile, 'utf8'), provisioner, key, log });
}
