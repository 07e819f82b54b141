import { sentinelctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { ask, parseFields, parseSwitch, plainMode, unread, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

type Fields = ReadonlyMap<string, string>;

/** `management status` holds the site key as well; only the named fields are ever looked at. */
export const sentinelone = vendor({
  find: (host) => ask(host, sentinelctl, ['version']),
  async read(host, answer) {
    const version = parseFields(answer.stdout).get('Agent version');
    if (version === undefined) return unread(host, 'sentinelctl', answer);
    const [control, engines, management] = await Promise.all([
      fields(host, ['control', 'status']),
      fields(host, ['engines', 'status']),
      fields(host, ['management', 'status']),
    ]);
    const running = parseSwitch(control.get('Agent state'));
    const realtime = protects(running, engines);
    return installedProduct('SentinelOne', 'SentinelOne Agent', {
      version,
      running,
      realtime,
      mode: plainMode(realtime),
      tamperProtection: parseSwitch(management.get('Anti Tamper')),
      health: parseSwitch(management.get('Connectivity')) === false ? ['not-connected'] : [],
    });
  },
});

async function fields(host: Host, argv: readonly string[]): Promise<Fields> {
  const { code, stdout } = await host.run(sentinelctl, argv);
  return code === 0 ? parseFields(stdout) : new Map();
}

/** The static engine looks at files when they are opened or written; without it nothing stops a known file. */
function protects(running: boolean | null, engines: Fields): boolean | null {
  const engine = parseSwitch(engines.get('DFI engine'));
  if (running === false || engine === false) return false;
  return running && engine ? true : null;
}
