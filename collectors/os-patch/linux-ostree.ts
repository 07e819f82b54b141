import { z } from 'zod';
import { iso } from '../../src/base/clock.ts';
import { rpmOstree } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { parseJson } from '../json.ts';
import { pendingFields, rebootFields, someNames, type Pending, type Reboot } from './linux-fact.ts';
import type { OsPatch } from './spec.ts';
import { enabledTimers } from './linux-timers.ts';

const deployment = z.object({
  booted: z.boolean().default(false),
  staged: z.boolean().default(false),
  version: z.string().nullish(),
  /** Seconds since the epoch: when this image was made. */
  timestamp: z.number().nullish(),
});

/** Rows `[id, kind, severity, [package, …], …]`; kind 1 is security (libdnf's DnfAdvisoryKind). */
const advisory = z.tuple([z.string(), z.number(), z.number(), z.array(z.string())], z.unknown());
const SECURITY = 1;

/** Rows `[type, name, [old …], [new …]]`. */
const difference = z.tuple([z.number(), z.string()], z.unknown());

const statusSchema = z.object({
  deployments: z.array(deployment).max(100),
  /** Null until the automatic check has looked, and when it found nothing. */
  'cached-update': z
    .object({
      timestamp: z.number().nullish(),
      'rpm-diff': z.object({ upgraded: z.array(difference).default([]) }).nullish(),
      advisories: z.array(advisory).nullish(),
    })
    .nullish(),
});

type Status = z.infer<typeof statusSchema>;

/** Null where the system was not started from an image (there `rpm-ostree` fails, if it is installed at all). */
export async function readOstree(host: Host): Promise<Observed<OsPatch> | null> {
  const { code, stdout } = await host.run(rpmOstree, ['status', '--json']);
  if (code !== 0) return null;
  const status = parseStatus(stdout);
  if (status === null) return unknown('unparsable', 'rpm-ostree status says nothing of deployments');
  return known({
    manager: 'rpm-ostree',
    lastInstalledAt: null,
    lastCheckedAt: null,
    metadataAt: timeOf(status['cached-update']?.timestamp),
    ...pendingFields(countUpdate(status)),
    pendingMajor: null,
    ...rebootFields(rebootIn(status)),
    automatic: await readAutomatic(host),
  });
}

export function parseStatus(text: string): Status | null {
  const status = statusSchema.safeParse(parseJson(text));
  return status.success && status.data.deployments.length > 0 ? status.data : null;
}

/** Only a cached update was counted by anybody: without one nobody may have looked. */
export function countUpdate({ 'cached-update': update }: Status): Pending | null {
  const upgraded = update?.['rpm-diff']?.upgraded;
  if (!upgraded) return null;
  const names = upgraded.map(([, name]) => name);
  const security = update.advisories
    ?.filter(([, kind]) => kind === SECURITY)
    .flatMap(([, , , packages]) => packages);
  return { total: names.length, security: security ? new Set(security).size : null, names: someNames(names) };
}

/** The first deployment is the one that starts next. */
export function rebootIn({ deployments }: Status): Reboot {
  const [next] = deployments;
  if (next === undefined || next.booted) return { required: false, reason: null };
  return {
    required: true,
    reason: `version ${next.version ?? 'unnamed'} is ${next.staged ? 'staged' : 'deployed'}`,
  };
}

function timeOf(seconds: number | null | undefined): string | null {
  return seconds ? iso(seconds * 1_000) : null;
}

async function readAutomatic(host: Host): Promise<OsPatch['automatic']> {
  const settings = await host.readText('/etc/rpm-ostreed.conf');
  const timers = await enabledTimers(host, ['rpm-ostreed-automatic.timer']);
  if (timers === null || !settings.ok) return null;
  return timers.length > 0 ? parsePolicy(settings.value) : 'off';
}

/** `AutomaticUpdatePolicy`: `stage` and `apply` install for the next start; `check` only looks, as the default `none`. */
export function parsePolicy(text: string): 'on' | 'off' {
  return /^[ \t]*AutomaticUpdatePolicy[ \t]*=[ \t]*(?:stage|apply|ex-stage)[ \t]*$/im.test(text)
    ? 'on'
    : 'off';
}
