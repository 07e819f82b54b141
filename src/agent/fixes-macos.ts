import { socketfilterfw } from '../base/commands.ts';
import { complaintOf, type FixWay } from './fix-way.ts';

/** Never yet run on a real Mac by us. */
export const macosFixes: readonly FixWay[] = [
  {
    fix: 'firewall-on',
    means: 'macos-firewall',
    fits: async (host) => (await host.status(socketfilterfw.path)).ok,
    apply: async (host) =>
      complaintOf('socketfilterfw', await host.run(socketfilterfw, ['--setglobalstate', 'on'])),
  },
];
