import { macCytool } from '../../src/base/commands.ts';
import { installedProduct, type ProductReader } from './macos-product.ts';

export const readCortex: ProductReader = async (host) => {
  const runtime = await host.run(macCytool, ['runtime', 'query']);
  if (runtime.failure === 'not-found') return null;
  const content = await host.run(macCytool, ['info', 'query']);
  const about = await host.run(macCytool, ['info']);
  const running = parseCortexRuntime(runtime.stdout);
  return {
    ...installedProduct('Palo Alto Networks', 'Cortex XDR'),
    version: /^Cortex XDR .*?(\d+(?:\.\d+)+)\s*$/m.exec(about.stdout)?.[1] ?? null,
    running,
    mode: running === null ? null : running ? 'active' : 'off',
    definitionsVersion: /^Content Version:\s+(\S+)/m.exec(content.stdout)?.[1] ?? null,
  };
};

/** Both daemons must run: `pmd` protects, `authorized` serves the kernel's questions. Null without the table. */
export function parseCortexRuntime(text: string): boolean | null {
  const states = ['pmd', 'authorized'].map(
    (name) => new RegExp(`^\\s*${name}\\s+\\S+\\s+\\S+\\s+(\\w+)`, 'm').exec(text)?.[1],
  );
  if (states.every((state) => state === undefined)) return null;
  return states.every((state) => state === 'Running');
}
