import { clamdscan, clamscan, head } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import { ask, isAnyUnitActive, isUnitActive, plainMode, vendor, type Product } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

/** What a version line tells; definitions are null where only a custom database is loaded. */
type Version = Pick<Product, 'version' | 'definitionsVersion' | 'definitionsAt'>;
type Definitions = { version: string; at: string };

const NO_VERSION: Version = { version: null, definitionsVersion: null, definitionsAt: null };

/** clamscan reads the databases itself and prints UTC; clamdscan repeats what its daemon says, or its own version. */
export const clamav = vendor({
  async find(host) {
    const own = await ask(host, clamscan, ['--version']);
    const daemons = await ask(host, clamdscan, ['--version']);
    return own || daemons ? [own?.stdout ?? '', daemons?.stdout ?? ''] : null;
  },
  async read(host, texts) {
    const [own = NO_VERSION, daemons = NO_VERSION] = texts.map(
      (text) => parseClamVersion(text) ?? NO_VERSION,
    );
    const running = (await isAnswering(host)) ?? (await isAnyUnitActive(host, DAEMONS));
    const realtime = await isScanningOnAccess(host, running);
    const stated = own.definitionsVersion === null ? daemons : own;
    const definitions = await newestDefinitions(host);
    return installedProduct('Cisco', 'ClamAV', {
      version: own.version ?? daemons.version,
      running,
      realtime,
      mode: plainMode(realtime),
      definitionsVersion: definitions?.version ?? stated.definitionsVersion,
      definitionsAt: definitions?.at ?? stated.definitionsAt,
    });
  },
});

/** Debian, Fedora and RHEL, openSUSE. */
const DAEMONS = ['clamav-daemon.service', 'clamd@scan.service', 'clamd.service'];
const ON_ACCESS = ['clamav-clamonacc.service', 'clamonacc.service'];

/** Exit 21: there is no daemon. Versions before 0.103 do not know the question. */
async function isAnswering(host: Host): Promise<boolean | null> {
  const { code, stdout } = await host.run(clamdscan, ['--ping', '2']);
  if (code === 0 && stdout.includes('PONG')) return true;
  return code === 21 ? false : null;
}

/** Only clamonacc looks at files when they are opened, and it needs the daemon. */
async function isScanningOnAccess(host: Host, running: boolean | null): Promise<boolean | null> {
  if (running === false) return false;
  for (const unit of ON_ACCESS) {
    const active = await isUnitActive(host, unit);
    if (active !== false) return active;
  }
  return false;
}

/** `ClamAV 1.4.3/27500/Tue Nov 18 10:08:10 2025`; without official definitions `ClamAV 1.4.3` alone. */
export function parseClamVersion(text: string): Version | null {
  const line = /^ClamAV (\d[\w.-]*)(?:\/(\d+)\/(.+))?$/m.exec(text);
  if (!line) return null;
  const [, version = null, definitionsVersion = null, date = ''] = line;
  const at = Date.parse(`${date.trim()} UTC`);
  return { version, definitionsVersion, definitionsAt: Number.isNaN(at) ? null : iso(at) };
}

/** Both forms of the daily database can lie side by side; the newer one is loaded. */
async function newestDefinitions(host: Host): Promise<Definitions | null> {
  const files = ['/var/lib/clamav/daily.cld', '/var/lib/clamav/daily.cvd'];
  const found = await Promise.all(
    files.map(async (path) => parseDatabaseHeader(await readHeader(host, path))),
  );
  return found.reduce((newest, one) => (one && (!newest || one.at > newest.at) ? one : newest), null);
}

const HEADER_BYTES = 512;

/** The database has many megabytes, of which the first 512 bytes are text. */
async function readHeader(host: Host, path: string): Promise<string> {
  const bytes = await host.readBytes(path);
  if (bytes.ok) return new TextDecoder('latin1').decode(bytes.value.subarray(0, HEADER_BYTES));
  if (bytes.error !== 'too-large') return '';
  const { code, stdout } = await host.run(head, ['-c', String(HEADER_BYTES), path]);
  return code === 0 ? stdout : '';
}

/** `ClamAV-VDB:<date>:<version>:<signatures>:<level>:<md5>:<signature>:<builder>:<epoch>`, padded with spaces. */
export function parseDatabaseHeader(text: string): Definitions | null {
  const fields = text.slice(0, HEADER_BYTES).trimEnd().split(':');
  const [magic, , version = ''] = fields;
  const epoch = fields[8] ?? '';
  if (magic !== 'ClamAV-VDB' || !/^\d{1,9}$/.test(version) || !/^\d{9,11}$/.test(epoch)) return null;
  return { version, at: iso(Number(epoch) * 1000) };
}
