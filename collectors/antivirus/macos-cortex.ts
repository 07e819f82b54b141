import { macCytool } from '../../src/base/commands.ts';
import { matchLine } from '../macos-values.ts';
import type { ProductReader } from './macos-product.ts';
import { installedProduct } from './product.ts';

export const readCortex: ProductReader = async (host) => {
  const runtime = await host.run(macCytool, ['runtime', 'query']);
  if (runtime.failure === 'not-found') return null;
  const content = await host.run(macCytool, ['info', 'query']);
  const about = await host.run(macCytool, ['info']);
  const running = parseCortexRuntime(runtime.stdout);
  return {
    ...installedProduct('Palo Alto Networks', 'Cortex XDR'),
    version: matchLine(about.stdout, /^Cortex XDR .*?(\d+(?:\.\d+)+)\s*$/)?.[1] ?? null,
    running,
    mode: running === null ? null : running ? 'active' : 'off',
    definitionsVersion: matchLine(content.stdout, /^Content Version:\s+(\S+)/)?.[1] ?? null,
  };
};

/** Both daemons must run: `pmd` protects, `authorized` serves the kernel's questions. Null without the table. */
export function parseCortexRuntime(text: string): boolean | null {
  const states = ['pmd', 'authorized'].map(
    (name) => matchLine(text, new RegExp(`^\\s*${name}\\s+\\S+\\s+\\S+\\s+(\\w+)`))?.[1],
  );
  if (states.every((state) => state === undefined)) return null;
  return states.every((state) => state === 'Running');
}
