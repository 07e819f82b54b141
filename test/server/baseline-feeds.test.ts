import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { baselineSchema } from '../../src/policy/baseline-schema.ts';
import { convertFeeds, type Feeds } from '../../src/server/baseline-convert.ts';
import { fromDistroInfo, fromSofa } from '../../src/server/baseline-feeds.ts';
import { fromWindowsPage } from '../../src/server/baseline-windows.ts';

const folder = join(import.meta.dirname, '../fixtures/baselines');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const file = (name: string) => ({ name, text: read(name) });

function valueOf<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('SOFA', () => {
  test('the second version: own date, releases of each major by number, definitions of XProtect', () => {
    const { macos, antivirus } = valueOf(fromSofa(read('sofa-v2.json'), null));
    expect(macos).toEqual({
      asOf: '2025-12-26',
      releases: [
        {
          major: 26,
          name: 'macOS 26',
          endOfSupport: null,
          releases: [
            { version: '26.2', date: '2025-12-12' },
            { version: '26.1', date: '2025-11-03' },
            { version: '26.0.1', date: '2025-09-29' },
          ],
        },
        {
          major: 15,
          name: 'Sequoia 15',
          endOfSupport: null,
          releases: [
            { version: '15.7.3', date: '2025-12-12' },
            { version: '15.7.2', date: '2025-11-03' },
          ],
        },
      ],
    });
    expect(antivirus).toEqual({
      asOf: '2025-12-26',
      products: [{ product: 'XProtect', definitions: { version: '5326', date: '2025-12-16' } }],
    });
  });

  test('the first version does not say when it was made, so somebody has to', () => {
    expect(fromSofa(read('sofa-v1.json'), null)).toMatchObject({
      ok: false,
      error: expect.stringContaining('--as-of'),
    });
    const { macos, antivirus } = valueOf(fromSofa(read('sofa-v1.json'), '2025-04-22'));
    expect(macos).toMatchObject({ asOf: '2025-04-22', releases: [{ major: 15 }] });
    expect(macos.releases[0]?.releases.map(({ version }) => version)).toEqual(['15.4.1', '15.4']);
    expect(antivirus).toBeNull();
  });

  test.each([
    '',
    '{}',
    '[]',
    '{"OSVersions":[]}',
    '{"OSVersions":[{"OSVersion":"x","Latest":null}]}',
    'null',
  ])('%j is an error, never an empty list', (text) => {
    expect(fromSofa(text, '2026-01-01')).toMatchObject({ ok: false });
  });
});

describe('Microsoft’s pages', () => {
  test('release information (HTML): updates by build and kind, ends of support by edition, own date', () => {
    const windows = valueOf(fromWindowsPage(read('windows11-release-information.html'), null));
    expect(windows.asOf).toBe('2026-09-15');
    const [newer, older] = windows.releases;
    expect(newer).toEqual({
      family: 'windows-client',
      build: 26200,
      name: 'Windows 11 25H2',
      endOfSupport: { consumer: '2027-10-12', enterprise: '2028-10-10', longTerm: null, server: null },
      updates: [
        { revision: 9457, date: '2026-09-14', kind: 'other' },
        { revision: 9445, date: '2026-09-08', kind: 'security' },
        { revision: 9278, date: '2026-08-27', kind: 'other' },
        { revision: 9168, date: '2026-08-11', kind: 'security' },
      ],
    });
    expect(older).toMatchObject({
      build: 26100,
      endOfSupport: { consumer: '2026-10-13', enterprise: '2027-10-12', longTerm: '2029-10-09' },
      updates: [
        { revision: 9445, kind: 'security' },
        { revision: 9100, date: '2026-08-11', kind: 'security' },
        { revision: 1742, kind: 'other' },
      ],
    });
  });

  test('release information of servers (Markdown)', () => {
    const windows = valueOf(fromWindowsPage(read('windows-server-release-info.md'), null));
    expect(windows.asOf).toBe('2026-05-13');
    expect(windows.releases).toMatchObject([
      {
        family: 'windows-server',
        build: 26100,
        name: 'Windows Server 2025',
        endOfSupport: { server: '2034-11-14' },
        updates: [
          { revision: 32860, kind: 'security' },
          { revision: 32698, kind: 'other' },
          { revision: 7462 },
        ],
      },
      { family: 'windows-server', build: 14393, endOfSupport: { server: '2027-01-12' } },
    ]);
  });

  test('update history: links, several builds each; the newest is the date of a page that states none', () => {
    const windows = valueOf(fromWindowsPage(read('windows11-update-history.html'), null));
    expect(windows.asOf).toBe('2026-09-14');
    const byBuild = Object.fromEntries(
      windows.releases.map(({ family, build, updates }) => [`${family} ${build}`, updates]),
    );
    expect(Object.keys(byBuild).toSorted()).toEqual([
      'windows-client 19044',
      'windows-client 19045',
      'windows-client 26100',
      'windows-client 26200',
      'windows-server 26100',
    ]);
    expect(byBuild['windows-client 26100']).toEqual([
      { revision: 9457, date: '2026-09-14', kind: 'other' },
      { revision: 9445, date: '2026-09-08', kind: 'security' },
      { revision: 9278, date: '2026-08-27', kind: 'other' },
    ]);
    expect(byBuild['windows-server 26100']).toEqual([
      { revision: 33222, date: '2026-08-11', kind: 'security' },
    ]);
  });

  test.each([
    '',
    '<html></html>',
    '<table><tr><td>2026-09-08</td><td>26100.1</td></tr></table>',
    '| a | b |\n',
  ])('%j is an error', (page) => {
    expect(fromWindowsPage(page, null)).toMatchObject({ ok: false });
  });
});

describe('distro-info-data', () => {
  // Debian's own package, where it is installed (see test/needs.ts); its form is what counts here.
  const csv = [
    'version,codename,series,created,release,eol,eol-lts,eol-elts',
    '12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30',
    '13,Trixie,trixie,2023-06-10,2025-08-09,2028-08-09,2030-06-30,2035-06-30',
    '14,Forky,forky,2025-08-09',
    ',Sid,sid,1993-08-16',
  ].join('\n');

  test('Debian: releases that are out, with long-term support', () => {
    expect(valueOf(fromDistroInfo(csv, 'debian', '2025-10-18'))).toEqual({
      asOf: '2025-10-18',
      releases: [
        {
          family: 'debian',
          version: '12',
          name: 'Debian 12 Bookworm',
          endOfSupport: '2026-07-11',
          longTermUntil: '2028-06-30',
          extendedUntil: '2033-06-30',
        },
        {
          family: 'debian',
          version: '13',
          name: 'Debian 13 Trixie',
          endOfSupport: '2028-08-09',
          longTermUntil: '2030-06-30',
          extendedUntil: '2035-06-30',
        },
      ],
    });
  });

  test('Ubuntu: VERSION_ID has no "LTS" in it, and ESM is what lasts longer', () => {
    const ubuntu = [
      'version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy',
      '24.04 LTS,Noble Numbat,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-31,2034-04-25,2036-04-29',
      '25.10,Questing Quokka,questing,2025-04-17,2025-10-09,2026-07-09',
    ].join('\r\n');
    expect(valueOf(fromDistroInfo(ubuntu, 'ubuntu', '2025-10-18')).releases).toMatchObject([
      { version: '24.04', endOfSupport: '2029-05-31', extendedUntil: '2034-04-25' },
      { version: '25.10', endOfSupport: '2026-07-09', extendedUntil: null },
    ]);
  });

  test.each(['', 'a,b,c\n1,2,3', 'version,codename,series,created,release,eol\n'])(
    '%j is an error',
    (text) => {
      expect(fromDistroInfo(text, 'debian', '2026-01-01')).toMatchObject({ ok: false });
    },
  );
});

describe('converting', () => {
  const feeds: Feeds = {
    sofa: file('sofa-v2.json'),
    windows: [file('windows11-update-history.html'), file('windows11-release-information.html')],
    distroInfo: [],
    asOf: null,
    date: '2026-09-20',
  };

  test('several pages complete each other, and are as complete as the older', () => {
    const baseline = valueOf(convertFeeds(feeds));
    expect(baselineSchema.parse(JSON.parse(JSON.stringify(baseline)))).toEqual(baseline);
    expect(baseline).toMatchObject({ date: '2026-09-20', windows: { asOf: '2026-09-14' }, linux: null });
    const release = baseline.windows?.releases.find(
      ({ family, build }) => family === 'windows-client' && build === 26100,
    );
    expect(release).toMatchObject({ name: 'Windows 11 24H2', endOfSupport: { consumer: '2026-10-13' } });
    expect(release?.updates.map(({ revision }) => revision)).toEqual([9457, 9445, 9278, 9100, 1742]);
  });

  test.each([
    [{ ...feeds, sofa: undefined, windows: [] }, 'Name at least one feed'],
    [{ ...feeds, sofa: { name: 'x.json', text: '{}' } }, 'x.json is not SOFA’s'],
    [{ ...feeds, windows: [{ name: 'y.html', text: '' }] }, 'y.html names no update of Windows'],
    [{ ...feeds, distroInfo: [{ name: 'debian.csv', text: '' }] }, '--as-of'],
    [
      { ...feeds, asOf: '2026-01-01', distroInfo: [{ name: 'x.txt', text: '' }] },
      'named after its distribution',
    ],
  ])('what is wrong is said with the file’s name', (wrong, message) => {
    expect(convertFeeds(wrong)).toMatchObject({ ok: false, error: expect.stringContaining(message) });
  });

  test('no text whatever makes anything but a valid baseline or an error', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 400 }),
      fc.json(),
      fc.constantFrom(
        '<tr><td>'.repeat(500),
        '| '.repeat(3_000),
        `Version x (OS build 26100)${'<td>26100.1'.repeat(300)}`,
      ),
    );
    fc.assert(
      fc.property(text, (one) => {
        for (const change of [
          { sofa: { name: 'a', text: one } },
          { windows: [{ name: 'b', text: one }] },
          { distroInfo: [{ name: 'debian.csv', text: one }] },
        ]) {
          const made = convertFeeds({
            windows: [],
            distroInfo: [],
            asOf: '2026-01-01',
            date: '2026-09-20',
            ...change,
          });
          if (made.ok) baselineSchema.parse(made.value);
        }
      }),
      { numRuns: 20 },
    );
  });
});
