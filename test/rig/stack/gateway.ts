import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon, RigNode } from '../node.ts';
import { gatewayL2tp } from './l2tp.ts';
import { openRadius } from './radius.ts';
import { installHelper } from './helper.ts';
import type { Secrets } from './secrets.ts';
import { gatewayIpsec } from './strongswan.ts';

export type Gateway = {
  node: RigNode;
  /** Who says who gets in: the gate, which asks the posture server, or one that lets in whoever knows a password. */
  radius(which: 'gate' | 'open'): Promise<void>;
  /** Interfaces of live sessions, such as `ppp0`. */
  sessions(): Promise<string[]>;
};

/** strongSwan, xl2tpd and pppd on a node, and FreeRADIUS beside them; `helper`: with the hooks that it lives on. */
export async function startGateway(
  node: RigNode,
  secrets: Secrets,
  { helper = false }: { helper?: boolean } = {},
): Promise<Gateway> {
  if (helper) await installHelper(node);
  await node.write({
    ...gatewayIpsec(secrets, { hooks: helper }),
    ...gatewayL2tp(secrets),
    ...openRadius(secrets),
    '/etc/gateway.nft': readFileSync(join(import.meta.dirname, 'gateway.nft'), 'utf8'),
  });
  await node.must(
    'nft -f /etc/gateway.nft; mkdir -p /run/xl2tpd; echo "203.0.113.1 gw vpn.example.test" >> /etc/hosts',
  );
  await node.spawn('charon', ['/usr/lib/ipsec/charon']);
  await node.spawn('xl2tpd', ['xl2tpd', '-D', '-p', '/run/xl2tpd.pid', '-C', '/run/xl2tpd/l2tp-control']);
  await node.waitFor('test -S /run/charon.vici');
  await node.must('swanctl --load-all --noprompt');
  let radius: Daemon | null = null;
  return {
    node,
    async radius(which) {
      await radius?.stop();
      const folder = which === 'gate' ? '/etc/freeradius/drawbridge' : '/etc/freeradius-open';
      radius = await node.spawn(`radius-${which}`, ['freeradius', '-f', '-l', 'stdout', '-d', folder]);
      await radius.said('Ready to process requests');
    },
    async sessions() {
      const names = await node.exec('ls -d /sys/class/net/ppp*');
      return names.stdout.split('\n').flatMap((path) => path.split('/').at(-1) || []);
    },
  };
}
