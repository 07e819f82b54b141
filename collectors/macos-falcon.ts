import { falconctl } from '../src/base/commands.ts';
import type { Host } from './check.ts';
import { runPlist } from './macos-read.ts';
import { at, flagOf, matchLine, textOf } from './macos-values.ts';

/** CrowdStrike's sensor in its own words. Null where this version's answer does not say. */
export type Falcon = {
  version: string | null;
  loaded: boolean | null;
  /** Reduced functionality: loaded and reporting, but not watching (usual just after an upgrade of macOS). */
  reduced: boolean | null;
  operational: boolean | null;
  /** 32 hexadecimal digits in lower case, as CrowdStrike's own interfaces write it. */
  agentId: string | null;
};

/** Null when there is no sensor. Root only. `info` alone tells of reduced functionality; older versions lack it. */
export async function readFalcon(host: Host): Promise<Falcon | null> {
  const info = parseFalconInfo(await runPlist(host, falconctl, ['info']));
  if (info) return info;
  for (const argv of [['stats', 'agent_info'], ['stats']]) {
    const { stdout, stderr } = await host.run(falconctl, argv);
    const stats = parseFalconStats(`${stdout}\n${stderr}`);
    if (stats) return stats;
  }
  return null;
}

/** `falconctl info`: a property list. */
export function parseFalconInfo(list: unknown): Falcon | null {
  const loaded = flagOf(at(list, 'sensor_loaded'));
  if (loaded === null) return null;
  const reduced = flagOf(at(list, 'rfm'));
  return {
    version: textOf(at(list, 'falcon_version')),
    loaded,
    reduced,
    operational: loaded && reduced !== null ? !reduced : loaded ? null : false,
    agentId: agentIdOf(textOf(at(list, 'aid'))),
  };
}

const NOT_LOADED: Falcon = { version: null, loaded: false, reduced: null, operational: false, agentId: null };

/** `falconctl stats`: sections under `=== name ===`. The Linux tool's `aid="…"` answer is another format. */
export function parseFalconStats(text: string): Falcon | null {
  if (matchLine(text, /^Error: The sensor has not loaded/)) return NOT_LOADED;
  if (!matchLine(text, /^=== \w+ ===$/)) return null;
  const value = (label: string) => matchLine(text, new RegExp(`^\\s*${label}: *(\\S+)`))?.[1];
  const operational = flagOf(value('Sensor operational'));
  return {
    version: value('version') ?? null,
    // A sensor that is not loaded gives no statistics.
    loaded: true,
    reduced: null,
    operational,
    agentId: agentIdOf(value('agentID') ?? null),
  };
}

function agentIdOf(text: string | null): string | null {
  const digits = text?.replaceAll('-', '').toLowerCase() ?? '';
  return /^[0-9a-f]{32}$/.test(digits) ? digits : null;
}
