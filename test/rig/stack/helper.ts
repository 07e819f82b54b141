import { CHECKOUT, type Daemon, NODE_JS, type RigNode } from '../node.ts';

const USER = 'drawbridge-gateway';
const CONFIG = '/etc/drawbridge/gateway.yaml';

/** What packaging/linux/drawbridge-gateway/drawbridge-gateway.service leaves it of root's rights. */
const RIGHTS = '-all,+kill,+net_admin';

/** Installed as docs/gateway.md says; the settings lie in the share, where `startPosture` has put them. */
const INSTALL = `set -e
echo '${USER}:x:990:990::/:/usr/sbin/nologin' >> /etc/passwd
echo '${USER}:x:990:' >> /etc/group
install -D -m 755 /checkout/packaging/gateway/updown /usr/lib/drawbridge-gateway/updown
for event in up down; do
  install -D -m 755 /checkout/packaging/gateway/ppp-hook /etc/ppp/ip-$event.d/drawbridge
done
for file in gateway.yaml credential secret helper-token coa-secret; do
  install -m 600 -o ${USER} -g ${USER} /share/gateway/$file /etc/drawbridge/
done
rm -r /share/gateway
chmod 644 /etc/drawbridge/tls-ca.pem
install -d -m 700 -o ${USER} -g ${USER} /run/drawbridge-gateway`;

/** Puts the helper's hooks and files in place; to be called before the gateway's daemons start. */
export async function installHelper(node: RigNode): Promise<void> {
  await node.must(INSTALL);
}

/** `drawbridge-gateway start`, with the rights that its service gives it. */
export async function startHelper(node: RigNode): Promise<Daemon> {
  const rights = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--no-new-privs'];
  const caps = ['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=${RIGHTS}`);
  const program = [
    NODE_JS,
    `${CHECKOUT}/src/cli/drawbridge-gateway.ts`,
    'start',
    '--config',
    CONFIG,
    '--json',
  ];
  const helper = await node.spawn('helper', [...rights, ...caps, ...program]);
  await helper.said('"ready"', 120);
  return helper;
}
