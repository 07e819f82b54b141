import type { GatewayConfig } from './config.ts';
import { ASK_PEER, coaServer, helperModule, RECV_COA } from './render-helper.ts';
import { authenticate, FIND_USER, proxy, userStore } from './render-users.ts';

/** One file of the configuration, with its path below the folder. A private one can be read by FreeRADIUS alone. */
export type ConfFile = { path: string; text: string; private: boolean };

/** Secrets by what they are for; read from their files by the caller, and checked there. */
export type GatewaySecrets = {
  credential: string;
  /** By client name. */
  clients: ReadonlyMap<string, string>;
  coaClients: ReadonlyMap<string, string>;
  /** What FreeRADIUS shows to the helper; null without one. */
  helperToken: string | null;
  /** Of the RADIUS servers behind this one, in their order. */
  homeServers: readonly string[];
  ldapPassword: string | null;
};

const HEAD =
  '# Written by: drawbridge-gateway render. Change the settings file instead, then render again.\n';

/**
 * The files below `drawbridge/` that differ between sites. Pure. Values were checked by the settings' schema: none can
 * hold a character that means something to FreeRADIUS.
 */
export function renderSite(config: GatewayConfig, secrets: GatewaySecrets): ConfFile[] {
  const open = {
    'site.conf': site(config),
    'settings.conf': settings(config),
    'servers.conf': [...config.servers.map(server), helperModule(config)].join('\n'),
    'ask.conf': ask(config),
    'restrict.conf': restrict(config),
    'user.conf': user(config),
    'authenticate.conf': authenticate(config),
    'listeners.conf': listeners(config),
  };
  const closed = {
    'credential.conf': pairs({
      drawbridge_credential: secrets.credential,
      ...(secrets.helperToken !== null && { drawbridge_helper_token: secrets.helperToken }),
    }),
    'clients.conf': config.freeradius.clients
      .map((client) => clientBlock(client, secrets.clients.get(client.name) ?? ''))
      .join('\n'),
    'user-store.conf': userStore(config.freeradius.users, secrets.ldapPassword ?? ''),
    'proxy.conf': proxy(config.freeradius.users, secrets.homeServers),
    'coa.conf': config.coa === undefined ? '' : coaServer(config.coa, secrets.coaClients),
  };
  return [...filesOf(open, false), ...filesOf(closed, true)];
}

function filesOf(texts: Record<string, string>, isPrivate: boolean): ConfFile[] {
  return Object.entries(texts).map(([name, text]) => ({
    path: `drawbridge/${name}`,
    text: `${HEAD}\n${text}`,
    private: isPrivate,
  }));
}

function pair(name: string, value: string | number): string {
  return `${name} = ${typeof value === 'number' ? value : `"${value}"`}\n`;
}

function pairs(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => pair(name, value))
    .join('');
}

function site({ freeradius }: GatewayConfig): string {
  return pairs({
    confdir: freeradius.confdir,
    libdir: freeradius.libdir,
    run_dir: freeradius.runDir,
    logdir: freeradius.logDir,
    drawbridge_listen: freeradius.listen,
    drawbridge_auth_port: freeradius.authPort,
    drawbridge_acct_port: freeradius.acctPort,
  });
}

/** Included by radiusd.conf itself: FreeRADIUS looks for a variable in the section at hand and at the very top. */
function settings({ caFile, timeouts, fallback, accounting }: GatewayConfig): string {
  const lastGood = fallback.lastKnownGoodMinutes * 60;
  const values = {
    drawbridge_ca_file: caFile,
    drawbridge_connect_seconds: timeouts.connectSeconds,
    drawbridge_timeout_seconds: timeouts.answerSeconds,
    drawbridge_connections: 64,
    drawbridge_fallback: fallback.then,
    drawbridge_fallback_message: fallback.message,
    drawbridge_restrict_seconds: fallback.restrict.sessionTimeoutSeconds,
    drawbridge_last_good_seconds: lastGood,
    // A cache module wants some time, used or not.
    drawbridge_cache_seconds: Math.max(lastGood, 60),
    // What is not good has to be remembered for longer than what was.
    drawbridge_not_good_seconds: Math.max(lastGood * 2, 60),
    drawbridge_accounting: accounting.whenServerIsAway,
    drawbridge_buffer_dir: accounting.bufferDir,
  };
  return `${pairs(values)}$INCLUDE \${confdir}/drawbridge/credential.conf\n`;
}

const moduleOf = (index: number) => `drawbridge${index + 1}`;

function server(url: string, index: number): string {
  return `rest ${moduleOf(index)} {
	base_uri = "${url}"
	$INCLUDE \${confdir}/drawbridge/rest.conf
}
`;
}

/**
 * The policies that go through the servers. Which answer counts is told by control:Tmp-String-0, that is by the server's
 * own word: a proxy's page with status 200 is no answer.
 */
function ask(config: GatewayConfig): string {
  const servers = config.servers.map((_url, index) => moduleOf(index));
  return `drawbridge_ask_post_auth {
	update control {
		&Tmp-String-0 !* ANY
		&Tmp-String-8 := "away"
	}
${servers.map((name, index) => askPostAuth(name, index)).join('')}	drawbridge_ok
}

# For a device's name: sets control:NT-Password and control:Tmp-String-9, or nothing.
drawbridge_ask_authorize {
	update control {
		&Tmp-String-9 !* ANY
	}
${servers.map((name, index) => askAuthorize(name, index)).join('')}	drawbridge_ok
}

drawbridge_ask_accounting {
	update control {
		&Tmp-String-8 := "away"
	}
${servers.map(askAccounting).join('')}	drawbridge_ok
}

# Which user is this, and who knows the password?
drawbridge_find_user {
${FIND_USER[config.freeradius.users.kind]}}

# Sets control:Tmp-String-7 to the IPsec identity behind the calling station, where the gateway helper knows it.
drawbridge_peer {
${config.helper === undefined ? '' : ASK_PEER}	drawbridge_ok
}
${config.helper === undefined ? '' : RECV_COA}`;
}

const CREDENTIAL = '&REST-HTTP-Header := "Authorization: Bearer ${drawbridge_credential}"';

function askPostAuth(name: string, index: number): string {
  return `	if (!&control:Tmp-String-0) {
		update control {
			${CREDENTIAL}
		}
		${name} {
			fail = ${index + 1}
			invalid = ${index + 1}
		}
		if (!fail) {
			update control {
				&Tmp-String-8 := "answered"
			}
		}
	}
`;
}

function askAuthorize(name: string, index: number): string {
  return `	if (!&control:Tmp-String-9) {
		update control {
			${CREDENTIAL}
		}
		${name}.authorize {
			fail = ${index + 1}
			invalid = ${index + 1}
			notfound = ${index + 1}
		}
	}
`;
}

function askAccounting(name: string): string {
  return `	if (&control:Tmp-String-8 != "stored") {
		update control {
			${CREDENTIAL}
		}
		${name} {
			fail = 1
			invalid = 1
		}
		if (ok || updated) {
			update control {
				&Tmp-String-8 := "stored"
			}
		}
	}
`;
}

function restrict({ fallback }: GatewayConfig): string {
  const { filterId, framedPool, sessionTimeoutSeconds, vlan, mikrotikAddressList, ciscoAvPairs } =
    fallback.restrict;
  const lines = [
    `&Session-Timeout := ${sessionTimeoutSeconds}`,
    ...(filterId === undefined ? [] : [`&Filter-Id := "${filterId}"`]),
    ...(framedPool === undefined ? [] : [`&Framed-Pool := "${framedPool}"`]),
    ...(mikrotikAddressList === undefined ? [] : [`&Mikrotik-Address-List := "${mikrotikAddressList}"`]),
    ...ciscoAvPairs.map((value) => `&Cisco-AVPair += "${value}"`),
    ...(vlan === undefined
      ? []
      : [
          '&Tunnel-Type:0 := VLAN',
          '&Tunnel-Medium-Type:0 := IEEE-802',
          `&Tunnel-Private-Group-Id:0 := "${vlan}"`,
        ]),
  ];
  return `${lines.join('\n')}\n`;
}

function user({ freeradius }: GatewayConfig): string {
  return freeradius.user === '' ? '' : pairs({ user: freeradius.user, group: freeradius.user });
}

function clientBlock(client: GatewayConfig['freeradius']['clients'][number], secret: string): string {
  return `client ${client.name} {
	ipaddr = ${client.address}
	secret = "${secret}"
	nas_type = other
	# pppd's radius.so cannot send Message-Authenticator: keep such a client on loopback.
	require_message_authenticator = ${client.kind === 'pppd' ? 'no' : 'yes'}
	limit_proxy_state = yes
}
`;
}

function listeners({ accounting }: GatewayConfig): string {
  return accounting.whenServerIsAway === 'buffer' ? BUFFER_READER : '';
}

/** Hands the buffered records over in their order; one that no server takes is tried again. */
const BUFFER_READER = `server drawbridge-buffer {
	listen {
		type = detail
		filename = "\${drawbridge_buffer_dir}/accounting"
		load_factor = 30
		poll_interval = 1
		retry_interval = 10
	}
	preacct {
	}
	accounting {
		drawbridge_ask_accounting
		if (&control:Tmp-String-8 == "stored") {
			drawbridge_ok
		}
		else {
			drawbridge_fail
		}
	}
}
`;
