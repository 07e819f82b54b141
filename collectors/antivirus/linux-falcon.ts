import { linuxFalconctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { ask, isUnitActive, plainMode, unread, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

export const falcon = vendor({
  find: (host) => ask(host, linuxFalconctl, ['-g', '--version']),
  async read(host, answer) {
    const version = parseFalcon(answer.stdout).get('version');
    if (version === undefined) return unread(host, 'falconctl', answer);
    const registered = await isRegistered(host);
    const reduced = await isReduced(host);
    const running = await isUnitActive(host, 'falcon-sensor.service');
    const realtime = protects({ registered, reduced, running });
    return installedProduct('CrowdStrike', 'Falcon Sensor', {
      version,
      running,
      realtime,
      mode: plainMode(realtime),
      health: [
        ...(registered === false ? ['not-registered'] : []),
        ...(reduced ? ['reduced-functionality'] : []),
      ],
    });
  },
});

type State = { registered: boolean | null; reduced: boolean | null; running: boolean | null };

/** A sensor without a backend, or on a kernel that it does not know, only looks installed. */
function protects({ registered, reduced, running }: State): boolean | null {
  if (registered === false || reduced === true || running === false) return false;
  return registered && reduced === false && running ? true : null;
}

async function isRegistered(host: Host): Promise<boolean | null> {
  const { code, stdout } = await host.run(linuxFalconctl, ['-g', '--aid']);
  if (/\baid is not set/.test(stdout)) return false;
  return code === 0 && /^[0-9a-f]{32}$/i.test(parseFalcon(stdout).get('aid') ?? '') ? true : null;
}

async function isReduced(host: Host): Promise<boolean | null> {
  const { code, stdout } = await host.run(linuxFalconctl, ['-g', '--rfm-state']);
  const word = code === 0 ? parseFalcon(stdout).get('rfm-state') : undefined;
  return word === 'true' ? true : word === 'false' ? false : null;
}

const MAX_ANSWER = 4_096;

/** `aid="44e3…", rfm-state=false, version = 7.14.16703.0.`: a full stop or a comma ends each answer. */
export function parseFalcon(text: string): ReadonlyMap<string, string> {
  const answers = text.slice(0, MAX_ANSWER).matchAll(/\b([a-z][a-z-]{0,30})\s*=\s*"?([\w.-]*\w)"?/g);
  return new Map([...answers].map(([, key = '', answer = '']) => [key, answer]));
}
