import type { RigNode } from '../node.ts';
import { addresses } from '../rig.ts';
import { laptopL2tp } from './l2tp.ts';
import { PlainLaptop } from './plain-laptop.ts';
import type { Secrets } from './secrets.ts';

/** A laptop with Libreswan and xl2tpd, set up by hand as a person would. The node's `ipsec` has to be `libreswan`. */
export async function startLibreswanLaptop(node: RigNode, secrets: Secrets): Promise<PlainLaptop> {
  await node.write({ ...ipsec(secrets), ...laptopL2tp(secrets, addresses.gateway) });
  // Libreswan asks for a default route to know which end it is; the gateway forwards nothing of it.
  await node.must(`ip route add default via ${addresses.gateway}`);
  await node.must('mkdir -p /run/pluto /var/lib/ipsec/nss /etc/ipsec.d/policies; ipsec initnss');
  await node.spawn('pluto', [
    '/usr/libexec/ipsec/pluto',
    '--nofork',
    '--stderrlog',
    '--config',
    '/etc/ipsec.conf',
  ]);
  await node.waitFor('ipsec trafficstatus');
  await node.must('ipsec auto --add corp');
  await node.waitFor(['ping', '-c1', '-W2', addresses.gateway]);
  return new PlainLaptop(node, { up: 'ipsec auto --up corp', down: 'ipsec auto --down corp' });
}

function ipsec({ psk }: Secrets) {
  return {
    '/etc/resolv.conf': '',
    '/etc/ipsec.conf': `# Written by hand.
config setup
    ikev1-policy=accept
    logfile=/var/log/ipsec.log
conn corp
    type=transport
    authby=secret
    ikev2=no
    auto=add
    left=%defaultroute
    leftprotoport=17/0
    right=${addresses.gateway}
    rightprotoport=17/1701
    ike=aes256-sha2_256;modp2048
    esp=aes256-sha2_256
    pfs=no
    keyingtries=1
    retransmit-timeout=6s
include /etc/ipsec.d/*.conf
`,
    '/etc/ipsec.secrets': {
      text: `%any ${addresses.gateway} : PSK "${psk}"\ninclude /etc/ipsec.d/*.secrets\n`,
      mode: 0o600,
    },
  };
}
