import type { CertificateStatus, Status } from '../agent/status.ts';
import type { Finding } from './agent-doctor-vpn.ts';

const NAME = 'certificate';
const ORDER = 'Ask your administrator for: drawbridge-server order update-certificate';

/** How the VPN certificate stands. `systemNow` is this computer's own clock, by which its VPN software goes. */
export function certificateFindings(status: Status | null | string, systemNow: number): Finding[] {
  if (status === null || typeof status === 'string' || status.certificate === null) return [];
  const { certificate, clockOffsetMs, decision } = status;
  return [findingOf(certificate, systemNow, systemNow + clockOffsetMs, decision?.access ?? null)];
}

function findingOf(held: CertificateStatus, systemNow: number, now: number, access: string | null): Finding {
  const { serial, notBefore, notAfter, renewAt, problem } = held;
  if (held.dropped) return { name: NAME, level: 'ok', found: 'none, by order', todo: null };
  if (serial === null || notBefore === null || notAfter === null) return none(problem, access);
  const [from, until] = [Date.parse(notBefore), Date.parse(notAfter)];
  if (now >= until)
    return of(
      'fail',
      `ended at ${notAfter}`,
      problem ?? 'Is the server reachable? See the connection above.',
    );
  if (systemNow < from || systemNow >= until)
    return of(
      'fail',
      `good until ${notAfter}, but not by this computer’s clock`,
      'Set the date and time: the VPN software goes by them.',
    );
  if (!held.installed) return of('fail', 'not where the VPN software looks', problem ?? ORDER);
  const overdue = renewAt !== null && now > (Date.parse(renewAt) + until) / 2;
  if (overdue) return of('warn', `ends at ${notAfter} and has not been renewed`, problem ?? ORDER);
  return { name: NAME, level: 'ok', found: `good until ${notAfter}`, todo: null };
}

/** Without a decision that lets it in, a computer has none: that is no fault. */
function none(problem: string | null, access: string | null): Finding {
  if (access !== 'allow')
    return { name: NAME, level: 'ok', found: 'none while access is not allowed', todo: null };
  return of('warn', 'none yet', problem ?? 'Wait a moment; it is being asked for.');
}

function of(level: 'warn' | 'fail', found: string, todo: string): Finding {
  return { name: NAME, level, found, todo };
}
