import type { Target } from './targets.ts';

/** One executable: each package carries the code of its own part alone, and no other's. */
export type Part = {
  name: 'drawbridge' | 'drawbridge-server' | 'drawbridge-gateway';
  description: string;
  /** Its first module, below the project's root. */
  entry: string;
  /** Files that it reads while it runs (src/base/assets.ts), by pattern below the project's root. */
  assets: readonly string[];
  /** Flags of V8 and Node, in force whatever the environment says. */
  execArgv: readonly string[];
  natives: readonly 'keyring'[];
  systems: readonly Target['os'][];
};

/** Without it, anybody on the computer who may send SIGUSR1 opens a debugger. */
const ALWAYS = ['--disable-sigusr1'];

/** An agent idles: after a burst, memory goes back (179 MB become 83), for a few milliseconds more of work. */
const FRUGAL = ['--optimize-for-size', '--max-semi-space-size=1', '--v8-pool-size=1'];

export const parts: readonly Part[] = [
  {
    name: 'drawbridge',
    description: 'Drawbridge endpoint agent',
    entry: 'packaging/entries/drawbridge.ts',
    assets: [
      'src/policy/*.yaml',
      'collectors/**/*.ps1',
      'src/agent/**/*.ps1',
      'src/tray/**/*.{html,css,svg,png,ps1}',
      'src/tray/page/*.ts',
    ],
    execArgv: [...FRUGAL, ...ALWAYS],
    natives: ['keyring'],
    systems: ['linux', 'windows', 'macos'],
  },
  {
    name: 'drawbridge-server',
    description: 'Drawbridge posture server',
    entry: 'src/cli/drawbridge-server.ts',
    assets: ['src/policy/*.{yaml,json}', 'src/server/**/*.{html,css,js,svg}', 'dist/console/**/*'],
    execArgv: ALWAYS,
    natives: [],
    systems: ['linux'],
  },
  {
    name: 'drawbridge-gateway',
    description: 'Drawbridge gateway helper',
    entry: 'src/cli/drawbridge-gateway.ts',
    assets: ['packaging/gateway/freeradius/**/*'],
    execArgv: [...FRUGAL, ...ALWAYS],
    natives: [],
    systems: ['linux'],
  },
];
