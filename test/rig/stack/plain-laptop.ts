import { addresses } from '../rig.ts';
import type { Output } from '../guest.ts';
import type { RigNode } from '../node.ts';
import { laptopL2tp } from './l2tp.ts';
import type { Issued } from './pki.ts';
import type { Secrets } from './secrets.ts';
import { laptopIpsec } from './strongswan.ts';

/** A laptop with strongSwan and xl2tpd, set up by hand as a person would. */
export async function startPlainLaptop(
  node: RigNode,
  secrets: Secrets,
  gateway: string = addresses.gateway,
): Promise<PlainLaptop> {
  await node.write({ ...laptopIpsec(secrets, gateway), ...laptopL2tp(secrets, gateway) });
  await node.spawn('charon', ['/usr/lib/ipsec/charon']);
  await node.waitFor('test -S /run/charon.vici');
  await node.must('swanctl --load-all --noprompt');
  await node.waitFor(['ping', '-c1', '-W2', gateway]);
  return new PlainLaptop(node, {
    up: 'swanctl --initiate --child corp --timeout 15',
    down: 'swanctl --terminate --ike corp --timeout 5',
  });
}

/** How IPsec is brought up and ended by hand. */
type Ike = { up: string; down: string };

/** Sets a laptop up anew, for the next time it dials. */
export async function setUpAnew(
  node: RigNode,
  secrets: Secrets,
  { gateway = addresses.gateway, port, certificate }: Dialling,
): Promise<void> {
  await node.write({
    ...laptopIpsec(secrets, gateway, { port, certificate }),
    ...laptopL2tp(secrets, gateway, port),
  });
  await node.must('swanctl --load-all --clear --noprompt');
}

/** How a laptop dials, where that is not the rule: through the NAT, by certificate, from one port of its own. */
export type Dialling = {
  gateway?: string;
  port?: number;
  certificate?: { authority: string } & Issued;
};

/** Ends the process of a pid file, if there is one, and waits for that. */
export const ENDING = `exec {nap}<> <(:)
end() {
  local pid
  read -r pid 2> /dev/null < "$1" || return
  kill -TERM "$pid" 2> /dev/null || return
  while [ -d "/proc/$pid" ]; do read -rt 0.02 -u $nap || :; done
}`;

/** pppd has to have come up, or to have given up. */
const dialling = ({ up }: Ike) => `${ENDING}
# One that an order has hung up goes on, for whoever started it.
end /run/xl2tpd.pid
: > /var/log/ppp.log
${up} > /tmp/ike.out 2>&1 || { tail -n 3 /tmp/ike.out; exit 3; }
mkdir -p /run/xl2tpd
rm -f /run/xl2tpd/l2tp-control
setsid xl2tpd -D -p /run/xl2tpd.pid -C /run/xl2tpd/l2tp-control < /dev/null >> /var/log/xl2tpd.log 2>&1 &
nap() { read -rt 0.05 -u $nap || :; }
while [ ! -p /run/xl2tpd/l2tp-control ]; do nap; done
echo 'c corp' > /run/xl2tpd/l2tp-control
until grep -qa '^local  IP address' /var/log/ppp.log; do
  [ $SECONDS -lt 30 ] || { echo 'no PPP after 30 s'; exit 4; }
  ! grep -qa 'Connection terminated\\|Modem hangup' /var/log/ppp.log || { grep -a 'authentication' /var/log/ppp.log; exit 5; }
  nap
done
name=$(sed -n 's/^Using interface //p' /var/log/ppp.log | tail -n 1)
ip route replace 10.99.0.0/24 dev "$name"
echo "$name"`;

/** From the inside out, as an administrator would; each is waited for. */
const hangingUp = ({ down }: Ike) => `${ENDING}
started=$EPOCHREALTIME
for file in /run/ppp*.pid; do end "$file"; done
end /run/xl2tpd.pid
${down} > /dev/null 2>&1
ended=$EPOCHREALTIME
echo $(( (\${ended/./} - \${started/./}) / 1000 ))`;

export class PlainLaptop {
  readonly node: RigNode;
  readonly #ike: Ike;

  constructor(node: RigNode, ike: Ike) {
    this.node = node;
    this.#ike = ike;
  }

  /** Dials once, whatever comes of it: exit code 0 and the interface's name, or why not. */
  dial(): Promise<Output> {
    return this.node.exec(dialling(this.#ike), { timeout: 90 });
  }

  /** Dials and answers with the interface; once more where emulation was too slow for the first time. */
  async connect(tries = 2): Promise<string> {
    const { code, stdout, stderr } = await this.dial();
    if (code !== 0 && tries > 1) {
      await this.hangUp();
      return this.connect(tries - 1);
    }
    if (code !== 0) throw new Error(`the laptop did not get in (${code}): ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Tears down by hand and answers with the milliseconds that it took. */
  async hangUp(): Promise<number> {
    return Number((await this.node.must(hangingUp(this.#ike))).trim());
  }
}
