import type { Text } from '../node.ts';
import { GATEWAY_NAME, type Secrets } from './secrets.ts';

/** How the laptop shows which machine it is. */
export type Machine = 'psk' | 'certificate';

/** The plugins by name: with all of them charon takes seconds longer to start in an emulated machine. */
const PLUGINS =
  'random nonce openssl x509 revocation constraints pubkey pkcs1 pkcs8 pem kdf kernel-netlink socket-default vici stroke updown';

export const charonSettings = `charon {
  load = ${PLUGINS}
  install_routes = no
  install_virtual_ip = no
  retransmit_tries = 3
  retransmit_timeout = 1.0
  retransmit_base = 1.5
  close_ike_on_child_failure = no
  filelog {
    main {
      path = /var/log/charon.log
      time_format = %b %e %T
      default = 1
      ike = 1
      flush_line = yes
    }
  }
}
swanctl { load = random nonce openssl x509 pubkey pkcs1 pkcs8 pem }
`;

const lifetimes = 'rekey_time = 0\n    dpd_delay = 10s\n    dpd_timeout = 30s';

export function gatewayIpsec({ psk, authority, gateway }: Secrets): Record<string, Text> {
  const connection = (name: string, local: string, remote: string) => `  ${name} {
    version = 1
    local_addrs = 203.0.113.1,198.51.100.1
    remote_addrs = %any
    proposals = aes256-sha256-modp2048,aes256-sha256-ecp256
    ${lifetimes}
    unique = never
    local { ${local} }
    remote { ${remote} }
    children {
      ${name} {
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp]
        esp_proposals = aes256-sha256,aes256gcm16
        rekey_time = 0
        dpd_action = clear
      }
    }
  }
`;
  const certificate = `auth = pubkey\n      certs = gw.crt\n      id = ${GATEWAY_NAME}`;
  const anyOfOurs = 'auth = pubkey\n      cacerts = ca.crt\n      id = "O=Rig, CN=*"';
  const connections = `${connection('l2tp-psk', 'auth = psk', 'auth = psk')}${connection('l2tp-cert', `\n      ${certificate}\n    `, `\n      ${anyOfOurs}\n    `)}`;
  return {
    '/etc/strongswan.conf': charonSettings,
    '/etc/swanctl/x509ca/ca.crt': authority.certificate,
    '/etc/swanctl/x509/gw.crt': gateway.certificate,
    '/etc/swanctl/private/gw.key': { text: gateway.key, mode: 0o600 },
    '/etc/swanctl/swanctl.conf': {
      text: `connections {\n${connections}}\nsecrets {\n  ike-any { secret = "${psk}" }\n}\n`,
      mode: 0o600,
    },
  };
}

export function laptopIpsec({ psk }: Secrets, gateway: string): Record<string, Text> {
  return {
    '/etc/strongswan.conf': charonSettings,
    '/etc/swanctl/swanctl.conf': {
      text: `# Written by hand.
connections {
  corp {
    version = 1
    remote_addrs = ${gateway}
    proposals = aes256-sha256-modp2048
    ${lifetimes}
    keyingtries = 1
    local { auth = psk }
    remote {
      auth = psk
      id = %any
    }
    children {
      corp {
        mode = transport
        local_ts = dynamic[udp]
        remote_ts = dynamic[udp/1701]
        esp_proposals = aes256-sha256
        rekey_time = 0
        dpd_action = clear
        start_action = none
      }
    }
  }
}
secrets {
  ike-corp { secret = "${psk}" }
}
`,
      mode: 0o600,
    },
  };
}
