import type { Host, Platform } from '../../collectors/check.ts';
import type { CheckId } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { FixId, FixMeans, TrayProblem } from '../wire/tray.ts';
import type { FixWay } from './fix-way.ts';
import { linuxFixes } from './fixes-linux.ts';
import { macosFixes } from './fixes-macos.ts';
import { windowsFixes } from './fixes-windows.ts';

const ways: Record<Platform, readonly FixWay[]> = {
  linux: linuxFixes,
  macos: macosFixes,
  windows: windowsFixes,
};

/** What each fix is for: which check, and what can be wrong with it. */
export const FIXED: Record<FixId, { check: CheckId; reasons: readonly string[] }> = {
  'firewall-on': { check: 'firewall', reasons: ['firewall-off', 'firewall-partial'] },
  'antivirus-start': { check: 'antivirus', reasons: ['av-inactive'] },
  'begin-update': { check: 'os-patch', reasons: ['patch-security-pending', 'patch-behind', 'patch-stale'] },
};

/** An update takes its time: that it has begun is all that can be seen at once. */
export const ONLY_BEGUN: ReadonlySet<FixId> = new Set(['begin-update']);

export type Fixer = {
  /** What could be done here for what is wrong, of what is allowed. Never rejects. */
  offers(
    problems: readonly Pick<TrayProblem, 'check' | 'reason'>[],
    allowed: readonly FixId[],
  ): Promise<Map<string, TrayProblem['fixes']>>;
  apply(fix: FixId): Promise<Result<FixMeans, string>>;
};

export function createFixer(platform: Platform, host: Host): Fixer {
  const find = async (fix: FixId): Promise<FixWay | null> => {
    // Nothing of this works without the rights to do it.
    if (!host.isRoot) return null;
    for (const way of ways[platform]) if (way.fix === fix && (await way.fits(host))) return way;
    return null;
  };
  return {
    async offers(problems, allowed) {
      const offers = new Map<string, TrayProblem['fixes']>();
      for (const fix of allowed) {
        const { check, reasons } = FIXED[fix];
        if (!problems.some((one) => one.check === check && reasons.includes(one.reason))) continue;
        const way = await find(fix);
        if (way !== null) offers.set(check, [...(offers.get(check) ?? []), { fix, means: way.means }]);
      }
      return offers;
    },
    async apply(fix) {
      const way = await find(fix);
      if (way === null) return err('This cannot be done here by itself.');
      const problem = await way.apply(host);
      return problem === null ? ok(way.means) : err(problem);
    },
  };
}
