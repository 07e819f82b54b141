import { netsh } from '../base/commands.ts';
import { complaintOf, type FixWay } from './fix-way.ts';

/** Never yet run on a real Windows by us. */
export const windowsFixes: readonly FixWay[] = [
  {
    fix: 'firewall-on',
    means: 'windows-firewall',
    fits: async () => true,
    async apply(host) {
      const on = await host.run(netsh, ['advfirewall', 'set', 'allprofiles', 'state', 'on']);
      if (on.code !== 0) return complaintOf('netsh', on);
      const policy = ['advfirewall', 'set', 'allprofiles', 'firewallpolicy', 'blockinbound,allowoutbound'];
      return complaintOf('netsh', await host.run(netsh, policy));
    },
  },
];
