import { esetEndpointUpd, esetServerUpd, type Command } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import { ask, isUnitActive, plainMode, vendor, type Product, type Vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

export const esetEndpoint = eset('ESET Endpoint Antivirus', esetEndpointUpd, 'eea.service');
export const esetServer = eset('ESET Server Security', esetServerUpd, 'efs.service');

function eset(name: string, updater: Command, unit: string): Vendor {
  return vendor({
    find: (host) => ask(host, updater, ['--list-modules']),
    async read(host, modules) {
      const running = await isUnitActive(host, unit);
      return installedProduct('ESET', name, {
        version: await readVersion(host, updater),
        running,
        // The service starts with real-time protection; whether a policy has paused it, no program of ESET's tells.
        realtime: running,
        mode: plainMode(running),
        ...parseDetectionEngine(modules.stdout),
      });
    },
  });
}

async function readVersion(host: Host, updater: Command): Promise<string | null> {
  const { stdout } = await host.run(updater, ['-version']);
  return /\((?:eea|efs)\)\s*(\d[\d.]*\d)/.exec(stdout)?.[1] ?? null;
}

/** `EM002   26850 (20230302)   Detection engine`: the module's number does not change with the language. */
export function parseDetectionEngine(text: string): Pick<Product, 'definitionsVersion' | 'definitionsAt'> {
  const [, definitionsVersion = null, year, month, day] =
    /^[ \t]*EM002[ \t]+(\S+)[ \t]+\((\d{4})(\d\d)(\d\d)\)/m.exec(text) ?? [];
  const at = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  return { definitionsVersion, definitionsAt: Number.isNaN(at) ? null : iso(at) };
}
