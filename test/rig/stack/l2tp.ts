import type { Text } from '../node.ts';
import { GATEWAY_NAME, type Secrets } from './secrets.ts';

const plainPpp = 'noccp\nnobsdcomp\nnodeflate\nnovj\nnovjccomp\nmtu 1280\nmru 1280\nlcp-restart 1';
const onlyMsChap2 = 'refuse-pap\nrefuse-eap\nrefuse-chap\nrefuse-mschap';

/** `pass peer` makes the laptop's outer address the Calling-Station-Id. */
export function gatewayL2tp({ radius }: Secrets): Record<string, Text> {
  return {
    '/etc/xl2tpd/xl2tpd.conf': `[global]
port = 1701
access control = no
[lns default]
ip range = 10.99.1.200-10.99.1.220
local ip = 10.99.1.1
name = ${GATEWAY_NAME}
ppp debug = yes
pppoptfile = /etc/ppp/options.l2tpd.lns
length bit = yes
pass peer = yes
`,
    '/etc/ppp/options.l2tpd.lns': `name ${GATEWAY_NAME}
auth
require-mschap-v2
${onlyMsChap2.replace('refuse-eap\n', '')}
${plainPpp}
lcp-echo-interval 10
lcp-echo-failure 3
nodefaultroute
debug
logfile /var/log/ppp.log
plugin radius.so
plugin radattr.so
radius-config-file /etc/ppp/radius/radiusclient.conf
map-to-ifname
`,
    '/etc/ppp/radius/radiusclient.conf': `auth_order radius
login_tries 1
login_timeout 10
nologin /etc/nologin
issue /etc/ppp/radius/empty
authserver 127.0.0.1:1812
acctserver 127.0.0.1:1813
servers /etc/ppp/radius/servers
dictionary /etc/ppp/radius/dictionary
login_radius /usr/sbin/login.radius
seqfile /run/radius.seq
mapfile /etc/ppp/radius/empty
default_realm
radius_timeout 5
radius_retries 2
login_local /bin/login
`,
    '/etc/ppp/radius/empty': '',
    '/etc/ppp/radius/servers': { text: `127.0.0.1 ${radius}\n`, mode: 0o600 },
    '/etc/ppp/radius/dictionary': DICTIONARY,
  };
}

/** `port = 0`: a fresh source port for each start; one that is used again meets the gateway's memory of the last tunnel. */
export function laptopL2tp({ user, password }: Secrets, gateway: string, port = 0): Record<string, Text> {
  return {
    '/etc/xl2tpd/xl2tpd.conf': `; Written by hand.
[global]
port = ${port}
access control = no
[lac corp]
lns = ${gateway}
name = ${user}
ppp debug = yes
pppoptfile = /etc/ppp/options.l2tpd.corp
length bit = yes
redial = no
autodial = no
`,
    '/etc/ppp/options.l2tpd.corp': `name ${user}
remotename ${GATEWAY_NAME}
noauth
${onlyMsChap2}
${plainPpp}
noipdefault
ipcp-accept-local
ipcp-accept-remote
nodefaultroute
lcp-echo-interval 10
lcp-echo-failure 3
debug
logfile /var/log/ppp.log
ipparam corp
`,
    '/etc/ppp/chap-secrets': { text: `${user} * "${password}" *\n`, mode: 0o600 },
  };
}

/** What pppd's plugin has to know; Debian ships none of it. */
const DICTIONARY = `ATTRIBUTE User-Name 1 string
ATTRIBUTE Password 2 string
ATTRIBUTE CHAP-Password 3 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE NAS-Port-Id 5 integer
ATTRIBUTE Service-Type 6 integer
ATTRIBUTE Framed-Protocol 7 integer
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Framed-IP-Netmask 9 ipaddr
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Framed-MTU 12 integer
ATTRIBUTE Framed-Compression 13 integer
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE State 24 string
ATTRIBUTE Class 25 string
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Idle-Timeout 28 integer
ATTRIBUTE Called-Station-Id 30 string
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Delay-Time 41 integer
ATTRIBUTE Acct-Input-Octets 42 integer
ATTRIBUTE Acct-Output-Octets 43 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Acct-Authentic 45 integer
ATTRIBUTE Acct-Session-Time 46 integer
ATTRIBUTE Acct-Input-Packets 47 integer
ATTRIBUTE Acct-Output-Packets 48 integer
ATTRIBUTE Acct-Terminate-Cause 49 integer
ATTRIBUTE Acct-Input-Gigawords 52 integer
ATTRIBUTE Acct-Output-Gigawords 53 integer
ATTRIBUTE Event-Timestamp 55 integer
ATTRIBUTE CHAP-Challenge 60 string
ATTRIBUTE NAS-Port-Type 61 integer
ATTRIBUTE Port-Limit 62 integer
ATTRIBUTE Connect-Info 77 string
ATTRIBUTE Acct-Interim-Interval 85 integer
VALUE Service-Type Framed-User 2
VALUE Framed-Protocol PPP 1
VALUE Acct-Status-Type Start 1
VALUE Acct-Status-Type Stop 2
VALUE Acct-Status-Type Alive 3
VALUE Acct-Authentic RADIUS 1
VALUE NAS-Port-Type Virtual 5
VENDOR Microsoft 311
ATTRIBUTE MS-CHAP-Response 1 string Microsoft
ATTRIBUTE MS-CHAP-Error 2 string Microsoft
ATTRIBUTE MS-MPPE-Encryption-Policy 7 string Microsoft
ATTRIBUTE MS-MPPE-Encryption-Type 8 string Microsoft
ATTRIBUTE MS-MPPE-Encryption-Types 8 string Microsoft
ATTRIBUTE MS-CHAP-Domain 10 string Microsoft
ATTRIBUTE MS-CHAP-Challenge 11 string Microsoft
ATTRIBUTE MS-CHAP-MPPE-Keys 12 string Microsoft
ATTRIBUTE MS-MPPE-Send-Key 16 string Microsoft
ATTRIBUTE MS-MPPE-Recv-Key 17 string Microsoft
ATTRIBUTE MS-CHAP2-Response 25 string Microsoft
ATTRIBUTE MS-CHAP2-Success 26 string Microsoft
ATTRIBUTE MS-Primary-DNS-Server 28 ipaddr Microsoft
ATTRIBUTE MS-Secondary-DNS-Server 29 ipaddr Microsoft
`;
