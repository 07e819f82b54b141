import type { GatewayConfig } from './config.ts';

/* How FreeRADIUS asks the gateway helper. */

const HELPER_TOKEN = '&REST-HTTP-Header := "Authorization: Bearer ${drawbridge_helper_token}"';

export const ASK_PEER = `	update control {
		&Tmp-String-7 !* ANY
		&Tmp-String-4 !* ANY
		${HELPER_TOKEN}
	}
	drawbridge_helper {
		fail = 1
		invalid = 1
	}
`;

/**
 * Whoever is thrown out or moved has no last known good, even if the helper is away; without a user name, nobody has.
 * Errors of the helper are a NAK, so that the posture server knows at once.
 */
export const RECV_COA = `
drawbridge_recv_coa {
	update control {
		&Tmp-String-0 !* ANY
		&Tmp-String-6 := "%{%{User-Name}:-*}"
		&Cache-TTL := "-\${drawbridge_not_good_seconds}"
		&Cache-Merge := no
	}
	drawbridge_not_good.authorize
	update control {
		${HELPER_TOKEN}
	}
	drawbridge_helper_coa.accounting {
		fail = 1
		invalid = 1
	}
	if (&control:Tmp-String-0 == "ack") {
		drawbridge_ok
	}
	else {
		if (!&reply:Error-Cause) {
			update reply {
				&Error-Cause := Resources-Unavailable
			}
		}
		drawbridge_reject
	}
}
`;

/** Seconds longer than the helper needs at most. */
const HELPER_SLACK = 3;

export function helperModule({ helper }: GatewayConfig): string {
  if (helper === undefined) return '';
  const uri = `http://127.0.0.1:${helper.port}`;
  return `rest drawbridge_helper {
	connect_timeout = 0.5
	post-auth {
		uri = "${uri}/v1/peer"
		method = 'post'
		body = 'json'
		data = '{"address":"%{jsonquote:%{Calling-Station-Id}}"}'
		timeout = 0.5
	}
	$INCLUDE \${confdir}/drawbridge/pool.conf
}

rest drawbridge_helper_coa {
	connect_timeout = 0.5
	accounting {
		uri = "${uri}/v1/dae"
		method = 'post'
		body = 'json'
		data = '${DAE_BODY}'
		timeout = ${helper.graceSeconds + HELPER_SLACK}
	}
	$INCLUDE \${confdir}/drawbridge/pool.conf
}
`;
}

/** What the helper needs of a Disconnect or CoA request. */
const DAE_BODY = `{${Object.entries({
  kind: '%{Packet-Type}',
  user_name: '%{jsonquote:%{User-Name}}',
  class: '%{Class}',
  nas_port: '%{NAS-Port}',
  framed_ip_address: '%{Framed-IP-Address}',
  filter_id: '%{jsonquote:%{Filter-Id}}',
  event_timestamp: '%{integer:Event-Timestamp}',
  message_authenticator: '%{Message-Authenticator}',
})
  .map(([name, value]) => `"${name}":"${value}"`)
  .join(',')}}`;

export function coaServer(
  coa: NonNullable<GatewayConfig['coa']>,
  secrets: ReadonlyMap<string, string>,
): string {
  const clients = coa.clients.map(
    ({ name, address }) => `	client ${name} {
		ipaddr = ${address}
		secret = "${secrets.get(name) ?? ''}"
		require_message_authenticator = yes
	}
`,
  );
  return `clients drawbridge_coa {
${clients.join('')}}

server drawbridge-coa {
	listen {
		type = coa
		ipaddr = ${coa.listen}
		port = ${coa.port}
		clients = drawbridge_coa
	}
	recv-coa {
		drawbridge_recv_coa
	}
	send-coa {
		drawbridge_ok
	}
}
`;
}
