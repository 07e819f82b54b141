import type { RigNode } from '../node.ts';
import { addresses } from '../rig.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { GATEWAY_NAME, type Secrets } from './secrets.ts';

/** PEM. */
type Chain = { issuing: string; root: string };

/** A gateway that takes the certificates of a server's own authority, and its list of what is revoked. */
export async function startCertifiedGateway(
  node: RigNode,
  secrets: Secrets,
  { issuing, root }: Chain,
): Promise<Gateway> {
  const authority = { ...secrets.authority, certificate: issuing };
  const gateway = await startGateway(node, { ...secrets, authority });
  await node.write({ '/etc/swanctl/x509ca/root.crt': root });
  await node.must(
    `sed -i 's/id = "O=Rig, CN=\\*"/id = "CN=*"\\n      revocation = relaxed/' /etc/swanctl/swanctl.conf; swanctl --load-all --noprompt`,
  );
  return gateway;
}

/** Puts a list of what is revoked where charon reads it. `from` writes it, DER, to standard output. */
export async function takeList(gateway: Gateway, from: string): Promise<void> {
  await gateway.node.must(
    `set -o pipefail; mkdir -p /etc/swanctl/x509crl; ${from} > /etc/swanctl/x509crl/devices.crl && swanctl --load-creds --clear --noprompt`,
  );
}

/** A connection as a person would write it once: what the file holds changes each day. */
export const deviceConnection = `connections {
  device {
    version = 1
    remote_addrs = ${addresses.gateway}
    proposals = aes256-sha256-modp2048
    keyingtries = 1
    local {
      auth = pubkey
      certs = drawbridge-device.pem
    }
    remote {
      auth = pubkey
      id = ${GATEWAY_NAME}
    }
    children {
      device {
        mode = transport
        local_ts = dynamic[udp]
        remote_ts = dynamic[udp/1701]
        esp_proposals = aes256-sha256
      }
    }
  }
}
`;

/** One attempt by that connection: exit code, what the laptop said, and what the gateway wrote meanwhile. */
export async function attemptByCertificate(gateway: Gateway, laptop: RigNode) {
  await gateway.node.must(': > /var/log/charon.log');
  const { code, stdout } = await laptop.exec('swanctl --initiate --child device --timeout 20', {
    timeout: 90,
  });
  const log = await gateway.node.read('/var/log/charon.log');
  await laptop.exec('swanctl --terminate --ike device --timeout 5');
  return { code, log, said: stdout + log };
}
