import { BLOCK_TABLE } from '../../collectors/vpn-client/linux-block.ts';
import type { RigNode } from './node.ts';
import { addresses, type Rig } from './rig.ts';

/** Every process of the node but its first and this script with its `timeout`. */
const STOP_ALL = `for at in /proc/[0-9]*; do
  pid=\${at##*/}
  case $pid in 1 | $$ | $PPID) ;; *) kill -STOP "$pid" 2> /dev/null ;; esac
done
true`;

/** As a laptop whose lid is closed: nothing of it runs any more. */
export async function suspend(node: RigNode): Promise<void> {
  await node.must(STOP_ALL);
}

/** The lid is closed as soon as the cut of an order is there, and before the rest of it. */
export async function suspendOnceCut(node: RigNode): Promise<void> {
  await node.must(`until nft list table inet ${BLOCK_TABLE} > /dev/null 2>&1; do :; done\n${STOP_ALL}`);
}

export async function wake(node: RigNode): Promise<void> {
  await node.must('kill -CONT -1');
}

/** By every clock on a wall: of the server, the gateway, and of the laptop, whose clock goes on while it sleeps. */
export async function anHourPasses({ guest }: Rig): Promise<void> {
  await guest.must(`date -s @$((\${EPOCHSECONDS} + 3600))`);
}

/** The machine's own time again, for whoever comes next. */
export async function backToNow({ guest }: Rig): Promise<void> {
  await guest.must(`date -s @${Math.round(Date.now() / 1_000)}`);
}

/** Leads a laptop's way to the posture server through its tunnel `link`, and has its agent connect by that way. */
export async function reachServerThrough(rig: Rig, laptop: RigNode, link: string): Promise<void> {
  const { server, gateway } = addresses;
  const pass = `iifname "ppp*" oifname eth0 ip daddr ${server} tcp dport 8443 accept`;
  await rig.node('gw').must(`nft add rule inet vpngw forward ${pass}`);
  await rig.node('srv').must(`ip route replace 10.99.1.0/24 via ${gateway}`);
  await laptop.must(`ip route replace ${server} dev ${link}; ss -K dst ${server} > /dev/null`);
  await rig.node('srv').waitFor("ss -Htn state established '( sport = :8443 )' | grep -qF 10.99.1.");
}

/** What the agent brought up for a profile that it has set with strongSwan, ended by somebody's hand. */
export async function endSetSession(node: RigNode, profile: string): Promise<void> {
  await node.must(
    `for file in /run/ppp*.pid; do read -r pid < "$file" && kill "$pid"; done
     while ls -d /sys/class/net/ppp* > /dev/null 2>&1; do sleep 0.1; done
     read -r pid < /run/drawbridge-${profile}.xl2tpd.pid && kill "$pid"
     swanctl --terminate --ike drawbridge-${profile} --force`,
  );
}
