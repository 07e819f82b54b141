import { describe, expect, test } from 'vitest';
import type { CertificateStatus, Status } from '../../src/agent/status.ts';
import { certificateFindings } from '../../src/cli/agent-doctor-certificate.ts';

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const HOUR_MS = 3_600_000;
const at = (hours: number) => new Date(NOW + hours * HOUR_MS).toISOString();

const good: CertificateStatus = {
  serial: 'ab',
  notBefore: at(-1),
  notAfter: at(23),
  renewAt: at(15),
  installed: true,
  dropped: false,
  problem: null,
};

function level(change: Partial<CertificateStatus>, systemNow = NOW, clockOffsetMs = 0, access = 'allow') {
  const status = {
    certificate: { ...good, ...change },
    clockOffsetMs,
    decision: { access },
  } as unknown as Status;
  const [finding] = certificateFindings(status, systemNow);
  return `${finding?.level}: ${finding?.found}`;
}

describe('doctor on the certificate', () => {
  test.each([
    ['a good one', level({}), /^ok: good until/],
    ['one that ended', level({ notAfter: at(-0.5) }), /^fail: ended/],
    ['one that is not renewed', level({}, NOW + 20 * HOUR_MS), /^warn: ends at .* not been renewed/],
    ['one that is not installed', level({ installed: false }), /^fail: not where/],
    [
      'a clock two days behind',
      level({}, NOW - 48 * HOUR_MS, 48 * HOUR_MS),
      /^fail: .*not by this computer’s clock/,
    ],
    [
      'a clock two days ahead',
      level({}, NOW + 48 * HOUR_MS, -48 * HOUR_MS),
      /^fail: .*not by this computer’s clock/,
    ],
    ['none while allowed', level({ serial: null }), /^warn: none yet/],
    ['none while denied', level({ serial: null }, NOW, 0, 'deny'), /^ok: none while/],
    ['none by order', level({ serial: null, dropped: true }), /^ok: none, by order/],
  ])('%s', (_, said, pattern) => {
    expect(said).toMatch(pattern);
  });

  test('where none is kept, nothing is said', () => {
    expect(certificateFindings({ certificate: null } as unknown as Status, NOW)).toEqual([]);
    expect(certificateFindings(null, NOW)).toEqual([]);
  });
});
