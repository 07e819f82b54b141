import { readFileSync } from 'node:fs';
import { VpnFailure, type VpnDriver, type VpnWanted } from '../../src/agent/vpn/driver.ts';
import { linuxVpn } from '../../src/agent/vpn/linux.ts';
import { createLogger } from '../../src/base/log.ts';
import { dyingAt, thisNode } from './in-guest.ts';

/**
 * The driver as a process of its own inside the guest: `vpn-child inspect|restore|apply STATE-FOLDER [KILL-AT]`, what
 * `apply` wants on standard input. Prints one JSON object. KILL-AT is the number of the failpoint at which it kills
 * itself; every failpoint that is reached is written to `points` in the state folder.
 */
const [verb = '', stateFolder = '', killAt = '0'] = process.argv.slice(2);

const driver = linuxVpn({
  host: thisNode(),
  stateFolder,
  log: createLogger('vpn', process.env['LEVEL'] ?? 'debug'),
  failpoints: dyingAt(Number(killAt), stateFolder),
});

async function answer(of: VpnDriver): Promise<unknown> {
  switch (verb) {
    case 'inspect':
      return of.inspect();
    case 'restore':
      await of.restore();
      return of.inspect();
    default:
      return of.apply(JSON.parse(readFileSync(0, 'utf8')) as VpnWanted);
  }
}

const started = performance.now();
try {
  const seen = await answer(driver);
  process.stdout.write(`${JSON.stringify({ ok: true, tookMs: performance.now() - started, seen })}\n`);
} catch (error) {
  if (!(error instanceof VpnFailure)) throw error;
  const { message, status, seen } = error;
  process.stdout.write(
    `${JSON.stringify({ ok: false, tookMs: performance.now() - started, message, status, seen })}\n`,
  );
}
