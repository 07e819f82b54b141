import type { Output } from '../guest.ts';
import type { RigNode } from '../node.ts';
import { addresses } from '../rig.ts';
import type { Secrets } from './secrets.ts';
import { ENDING } from './plain-laptop.ts';
import { charonSettings } from './strongswan.ts';

/** The user's own profile, as its file stands. */
export const PROFILE = '/etc/NetworkManager/system-connections/corp.nmconnection';

/** A laptop with NetworkManager and its L2TP plugin; the plugin starts and ends strongSwan for itself. */
export async function startManagedLaptop(
  node: RigNode,
  secrets: Secrets,
  address: string = addresses.laptop,
): Promise<ManagedLaptop> {
  const secret = (text: string) => ({ text, mode: 0o600 });
  await node.write({
    '/etc/strongswan.conf': charonSettings,
    '/etc/ipsec.conf': 'config setup\n',
    '/etc/ipsec.secrets': secret(''),
    '/etc/NetworkManager/NetworkManager.conf': SETTINGS,
    '/etc/NetworkManager/system-connections/lan.nmconnection': secret(lan(address)),
    '/etc/NetworkManager/system-connections/home.nmconnection': secret(home(address)),
    [PROFILE]: secret(vpnProfile(secrets)),
  });
  // Where /sys can be written NetworkManager waits for udev, which a node has not.
  await node.must('mount -o remount,ro,bind /sys; ip addr flush dev eth0; mkdir -p /var/lib/NetworkManager');
  await node.spawn('dbus', ['dbus-daemon', '--system', '--nofork', '--nopidfile']);
  await node.waitFor('test -S /run/dbus/system_bus_socket');
  const laptop = new ManagedLaptop(node);
  await laptop.startManager();
  await node.waitFor(['ping', '-c1', '-W2', addresses.gateway]);
  return laptop;
}

const SETTINGS = `[main]
plugins=keyfile
auth-polkit=false
no-auto-default=*
dns=none
rc-manager=unmanaged
[connectivity]
enabled=false
`;

/** A VPN connection goes out by the one with the default route; the gateway forwards nothing of it. */
const lan = (address: string) => `[connection]
id=lan
uuid=6f2d1d4e-8a57-4d0b-9a57-3f0f0a1f5e01
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1=${address}/24,${addresses.gateway}
[ipv6]
method=disabled
`;

/** Behind the NAT, where the gateway has its other address; comes up when it is asked to, and then goes first. */
const home = (address: string) => `[connection]
id=home
uuid=6f2d1d4e-8a57-4d0b-9a57-3f0f0a1f5e03
type=ethernet
interface-name=eth1
autoconnect=false
[ipv4]
method=manual
address1=192.168.50.${address.split('.').at(-1)}/24,192.168.50.1
route-metric=50
[ipv6]
method=disabled
`;

const UUID = '6f2d1d4e-8a57-4d0b-9a57-3f0f0a1f5e02';

function vpnProfile({ user, password, psk }: Secrets): string {
  return `# Written by hand.
[connection]
id=corp
uuid=${UUID}
type=vpn
autoconnect=false
[vpn]
service-type=org.freedesktop.NetworkManager.l2tp
gateway=${addresses.gateway}
user=${user}
password-flags=0
ephemeral-port=yes
ipsec-enabled=yes
machine-auth-type=psk
ipsec-psk-flags=0
ipsec-ike=aes256-sha256-modp2048!
ipsec-esp=aes256-sha256!
mtu=1280
mru=1280
refuse-pap=yes
refuse-chap=yes
refuse-mschap=yes
refuse-eap=yes
[vpn-secrets]
password=${password}
ipsec-psk=${psk}
[ipv4]
method=auto
never-default=true
route1=10.99.0.0/24
[ipv6]
method=disabled
`;
}

const UP = `nmcli -w 60 connection up uuid ${UUID} 2>&1`;

/** From the inside out, as an administrator would: NetworkManager alone would leave the gateway its session. */
const HANG_UP = `${ENDING}
started=$EPOCHREALTIME
for file in /run/ppp*.pid; do end "$file"; done
nmcli -w 20 connection down uuid ${UUID} > /dev/null
ended=$EPOCHREALTIME
echo $(( (\${ended/./} - \${started/./}) / 1000 ))`;

const LINK = `for at in /sys/class/net/*; do [ "$(< $at/type)" = 512 ] && echo "\${at##*/}"; done`;

/** NetworkManager gives the plugin ten seconds, two of which it sleeps; a busy machine does not always need less. */
const TRIES = 5;

export class ManagedLaptop {
  readonly node: RigNode;

  constructor(node: RigNode) {
    this.node = node;
  }

  /** Resolves when it runs, with its wire up. */
  async startManager(): Promise<void> {
    await this.node.spawn('networkmanager', ['NetworkManager', '--debug']);
    await this.node.waitFor('nmcli -t -f NAME,STATE connection show --active | grep -qx lan:activated', 120);
  }

  /** As `systemctl restart NetworkManager`. */
  async restartManager(): Promise<void> {
    await this.node.must(
      'pid=$(pidof NetworkManager); kill $pid; while [ -d /proc/$pid ]; do sleep 0.1; done',
    );
    await this.startManager();
  }

  /** Dials once, whatever comes of it. */
  dial(): Promise<Output> {
    return this.node.exec(UP, { timeout: 90 });
  }

  /** Dials, again where that fails, and answers with the interface. */
  async connect(): Promise<string> {
    for (let tries = 1; ; tries += 1) {
      const { code, stdout } = await this.dial();
      if (code === 0) return (await this.node.must(LINK)).trim();
      if (tries === TRIES) throw new Error(`the laptop did not get in: ${stdout}`);
    }
  }

  /** Tears down by hand and answers with the milliseconds that it took. */
  async hangUp(): Promise<number> {
    return Number((await this.node.must(HANG_UP)).trim());
  }
}
