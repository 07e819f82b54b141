import { asObject, asText, parseJson } from '../json.ts';
import type { Host } from '../check.ts';
import { isUnitActive, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

const HOME = '/var/ossec';

/** Host intrusion detection: it watches and reports, and scans no file when it is opened. */
export const wazuh = vendor({
  async find(host) {
    const state = await host.readText(`${HOME}/var/run/wazuh-agentd.state`);
    if (state.ok) return state.value;
    const programs = await host.list(`${HOME}/bin`);
    return state.error === 'denied' || (programs.ok && programs.value.includes('wazuh-agentd')) ? '' : null;
  },
  async read(host, state) {
    const status = parseAgentStatus(state);
    return installedProduct('Wazuh', 'Wazuh Agent', {
      version: await readVersion(host),
      running: await isUnitActive(host, 'wazuh-agent.service'),
      realtime: false,
      mode: 'passive',
      health: status === null || status === 'connected' ? [] : [status],
    });
  },
});

/** Shell assignments: `status='connected'`. */
export function parseAgentStatus(text: string): string | null {
  return /^status='(pending|connected|disconnected|unknown)'/m.exec(text)?.[1] ?? null;
}

async function readVersion(host: Host): Promise<string | null> {
  const text = await host.readText(`${HOME}/VERSION.json`);
  return text.ok ? asText(asObject(parseJson(text.value))?.['version']) : null;
}
