import type { Text } from '../node.ts';
import type { Issued } from './pki.ts';
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

const HOOK = '/usr/lib/drawbridge-gateway/updown';

/** `hooks`: the helper is told who comes and goes, and whether the connection takes certificates only. */
export function gatewayIpsec(
  { psk, authority, gateway }: Secrets,
  { hooks }: { hooks: boolean },
): Record<string, Text> {
  const connection = (name: string, local: string, remote: string, hook: string) => `  ${name} {
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
        ${hooks ? `updown = ${hook}` : ''}
      }
    }
  }
`;
  const certificate = `auth = pubkey\n      certs = gw.crt\n      id = ${GATEWAY_NAME}`;
  const anyOfOurs = 'auth = pubkey\n      cacerts = ca.crt\n      id = "O=Rig, CN=*"';
  const connections = `${connection('l2tp-psk', 'auth = psk', 'auth = psk', HOOK)}${connection('l2tp-cert', `\n      ${certificate}\n    `, `\n      ${anyOfOurs}\n    `, `"${HOOK} certificate"`)}`;
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

/** `port`: the only one of the laptop's that the tunnel is for; two behind one NAT need different ones. */
export function laptopIpsec(
  { psk }: Pick<Secrets, 'psk'>,
  gateway: string,
  {
    port,
    certificate,
  }: { port?: number | undefined; certificate?: ({ authority: string } & Issued) | undefined } = {},
): Record<string, Text> {
  const [local, remote] =
    certificate === undefined
      ? ['auth = psk', 'auth = psk\n      id = %any']
      : ['auth = pubkey\n      certs = own.crt', `auth = pubkey\n      id = ${GATEWAY_NAME}`];
  return {
    ...(certificate && {
      '/etc/swanctl/x509ca/ca.crt': certificate.authority,
      '/etc/swanctl/x509/own.crt': certificate.certificate,
      '/etc/swanctl/private/own.key': { text: certificate.key, mode: 0o600 },
    }),
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
    local {
      ${local}
    }
    remote {
      ${remote}
    }
    children {
      corp {
        mode = transport
        local_ts = dynamic[udp${port === undefined ? '' : `/${port}`}]
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
