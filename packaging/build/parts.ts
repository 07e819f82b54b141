import type { Native, PackageFile, Target } from './targets.ts';

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
  /** Those of them that there are for a target lie beside its executable. */
  natives: readonly Native[];
  systems: readonly Target['os'][];
};

/** Without it, anybody on the computer who may send SIGUSR1 opens a debugger. */
const ALWAYS = ['--disable-sigusr1'];

/** An agent idles: after a burst, memory goes back (179 MB become 83), for a few milliseconds more of work. */
const FRUGAL = ['--optimize-for-size', '--max-semi-space-size=1', '--v8-pool-size=1'];

/**
 * Code is interpreted, nothing is compiled while it runs, and what was not called for eight collections of garbage is
 * forgotten (a reading brings two to seven: forgetting sooner costs each reading a quarter more): an idle agent has 4 MiB
 * less of its own, no memory that can be written and executed, and readings cost the same, since they wait for the
 * system's programs. There is no WebAssembly then, and no `fetch`; and no code out of text, which zod would make for
 * each of its objects (0.4 MiB).
 */
const INTERPRETED = ['--lite-mode', '--bytecode-old-age=8', '--disallow-code-generation-from-strings'];

/**
 * The agent has memory given back after a reading (src/agent/tidy.ts), by a function that its own code alone can call;
 * what V8 would do about it half a minute later finds nothing more, for twice 20 ms of work.
 * Node's list of authorities, read for whoever uses TLS (0.8 MiB), is read where it is meant (src/agent/trust.ts).
 */
const TIDY = ['--expose-gc', '--no-memory-reducer', '--use-openssl-ca'];

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
    execArgv: [...FRUGAL, ...INTERPRETED, ...TIDY, ...ALWAYS],
    natives: ['keyring', 'koffi'],
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

/** What of a part's native modules there is for a target, and where it comes from. */
export function nativesOf({ natives }: Part, target: Target): readonly { name: Native; file: PackageFile }[] {
  return natives.flatMap((name) => {
    const file = target.natives[name];
    return file === undefined ? [] : [{ name, file }];
  });
}
