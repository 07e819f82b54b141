import { cytool } from '../../src/base/commands.ts';
import { ask, parseFields, plainMode, unread, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

export const cortex = vendor({
  find: (host) => ask(host, cytool, ['runtime', 'query']),
  async read(host, answer) {
    const running = isProtectionRunning(answer.stdout);
    if (running === null) return unread(host, 'cytool', answer);
    const info = await host.run(cytool, ['info', 'query']);
    const content = info.code === 0 ? parseFields(info.stdout).get('Content Version') : undefined;
    return installedProduct('Palo Alto Networks', 'Cortex XDR Agent', {
      running,
      realtime: running,
      mode: plainMode(running),
      definitionsVersion: content ?? null,
    });
  },
});

/** The row of `pmd`, the daemon that decides what may run; null when the table has none. */
export function isProtectionRunning(text: string): boolean | null {
  const row = text.split('\n').find((line) => /^\s*pmd\s/.test(line));
  if (row === undefined) return null;
  return /\sRunning\s/.test(row) ? true : /\s(Stopped|Not running|Disabled)\s/i.test(row) ? false : null;
}
