import { z } from 'zod';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { askExtraObject, askObject, askRows, mostTelling } from '../windows-probe.ts';
import { flag, listOf, property, text, textOf, time, timeOf } from '../windows-values.ts';
import type { OsPatch } from './spec.ts';

const autoUpdate = z.object({ LastSearchSuccessDate: time, LastInstallationSuccessDate: time });

const hotfix = z.object({ InstalledOn: property(installedOn) });

const update = z.object({
  Title: text,
  MsrcSeverity: text,
  CategoryIDs: listOf(text),
  RebootRequired: flag,
});

const pendingReboot = z.object({ cbs: flag, wua: flag });

type AutoUpdate = z.output<typeof autoUpdate>;
type Update = z.output<typeof update>;
type PendingReboot = z.output<typeof pendingReboot>;

export async function read(host: Host): Promise<Observed<OsPatch>> {
  const history = await askObject(host, 'autoUpdate', autoUpdate);
  const hotfixes = await askRows(host, 'hotfixes', hotfix);
  const updates = await askRows(host, 'updates', update);
  const reboot = await askExtraObject(host, 'pendingReboot', pendingReboot);
  if (!history.ok && !hotfixes.ok && !updates.ok && reboot === null)
    return mostTelling(updates.error, history.error, hotfixes.error);
  const results = history.ok ? history.value : null;
  const offered = updates.ok ? updates.value : null;
  return known({
    manager: 'wua',
    lastInstalledAt: latest(
      results?.LastInstallationSuccessDate,
      ...(hotfixes.ok ? hotfixes.value.map((one) => one.InstalledOn) : []),
    ),
    lastCheckedAt: results?.LastSearchSuccessDate ?? null,
    metadataAt: results?.LastSearchSuccessDate ?? null,
    ...countPending(offered, results),
    ...rebootOf(reboot, offered),
    automatic: null,
  });
}

type Pending = Pick<OsPatch, 'pending' | 'pendingSecurity' | 'pendingMajor' | 'pendingNames'>;

const NOT_COUNTED: Pending = { pending: null, pendingSecurity: null, pendingMajor: null, pendingNames: null };

function countPending(offered: readonly Update[] | null, results: AutoUpdate | null): Pending {
  // An empty list from an update service that never searched is not zero.
  const neverSearched = results !== null && results.LastSearchSuccessDate === null;
  if (offered === null || (offered.length === 0 && neverSearched)) return NOT_COUNTED;
  const updates = offered.filter((one) => !isIn(one, DRIVERS) && !isIn(one, UPGRADES));
  return {
    pending: updates.length,
    pendingSecurity: updates.filter(isSecurity).length,
    pendingMajor: offered.filter((one) => isIn(one, UPGRADES)).length,
    pendingNames: updates.flatMap((one) => one.Title ?? []).slice(0, 50),
  };
}

/** Categories of the update service have the same ids in every language. */
const SECURITY_UPDATES = '0fa1201d-4330-4fa8-8ae9-b877473b6441';
const UPGRADES = '3689bdc8-b205-4af4-8d4a-a63924c5e9d5';
const DRIVERS = 'ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0';

function isIn({ CategoryIDs: ids }: Update, category: string): boolean {
  return ids?.some((id) => id?.toLowerCase() === category) === true;
}

/** Cumulative updates have the category and no severity; some others have it the other way round. */
function isSecurity(offered: Update): boolean {
  return offered.MsrcSeverity !== null || isIn(offered, SECURITY_UPDATES);
}

/**
 * The component store's mark, the update service's, or an installed update that waits for the restart. Files that wait
 * to be renamed do not count: any installer leaves them.
 */
function rebootOf(
  reboot: PendingReboot | null,
  offered: readonly Update[] | null,
): Pick<OsPatch, 'rebootRequired' | 'rebootReason'> {
  const waiting = offered?.some((one) => one.RebootRequired === true) === true;
  const marks = { cbs: reboot?.cbs ?? null, wua: reboot?.wua ?? null, update: waiting ? true : null };
  const reasons = Object.entries(marks).flatMap(([name, marked]) => (marked === true ? [name] : []));
  if (reasons.length > 0) return { rebootRequired: true, rebootReason: reasons.join(', ') };
  return { rebootRequired: marks.cbs === false && marks.wua === false ? false : null, rebootReason: null };
}

const UNIX_EPOCH_IN_FILETIME = 116_444_736_000_000_000n;

/** A time as elsewhere, WMI's own `M/d/yyyy`, or the 64-bit FILETIME in hexadecimal of old releases. */
export function installedOn(value: unknown): string | null {
  const words = textOf(value) ?? '';
  const [, month = '', day = '', year] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(words) ?? [];
  if (year !== undefined) return timeOf(`${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`);
  if (!/^[0-9a-f]{16}$/i.test(words)) return timeOf(value);
  const milliseconds = Number((BigInt(`0x${words}`) - UNIX_EPOCH_IN_FILETIME) / 10_000n);
  return timeOf(`/Date(${milliseconds})/`);
}

/** ISO texts in UTC sort as the moments do. */
function latest(...times: readonly (string | null | undefined)[]): string | null {
  return (
    times
      .filter((one) => typeof one === 'string')
      .toSorted()
      .at(-1) ?? null
  );
}
