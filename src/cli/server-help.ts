// What `drawbridge-server … --help` says beyond the options.

export const HELP = `
The data folder is --data, or /var/lib/drawbridge-server for root, or ~/.local/state/drawbridge-server.

Examples:
  drawbridge-server init --name posture.example.com --host 0.0.0.0
  drawbridge-server start
  drawbridge-server token create                      one laptop, one day
  drawbridge-server token create --gateway radius-1   FreeRADIUS' own credential
  drawbridge-server devices
  drawbridge-server device 01a1f8e9-5504-7ee0-bb78-07c5921ddee2 --why

Exit code: 0 done, 1 the command line is wrong, 4 it did not work (the reason is on standard error).`;

export const INIT_HELP = `
Makes the keys, a TLS authority and certificate, the admin token, policy.yaml and server.yaml. What is there already
stays as it is, so it can be run again. Keep a copy of the folder: devices trust the order root in it, and no other.

Examples:
  drawbridge-server init --name posture.example.com --name 192.0.2.10 --host 0.0.0.0
  drawbridge-server init --data ./test --port 9443`;

export const START_HELP = `
Runs until SIGTERM or Ctrl-C. A changed policy.yaml is taken at once (SIGHUP does not wait for the next look); one
with a mistake is told to the log, and the last good policy stays. The log is JSON lines on standard error.

Settings (server.yaml in the data folder), with their defaults:
  listen: { host: 127.0.0.1, port: 8443 }
  publicUrl:                              where devices reach it, if that is another address
  names: []                               further names in the server's own certificate
  tls: { certFile, keyFile }              a certificate of your own instead
  trustedProxies: []                      whose X-Forwarded-For is believed
  policyFile: policy.yaml
  radius: { allow: { filterId: posture-full, sessionTimeoutSeconds: 28800 },
            restrict: { filterId: posture-restrict, sessionTimeoutSeconds: 300 },
            quarantine: { filterId: posture-quarantine, sessionTimeoutSeconds: 300 } }
  places: { database }                    looks at where devices dial from; off without it
  baseline: { signers: [] }               keys whose baselines are taken, besides the own one
  signals: []                             products that may send signed webhooks
  offboarding: []                         device managements that may send signed webhooks
  retention: { historyDays: 90, auditDays: 400, sessionDays: 90 }
  limits: { connections: 20000, pendingPerAddress: 2, enrolmentsPerMinute: 20 }
  log: { level: info }

With --json, one line {"event":"ready","url":…} on standard output says when it is ready.
Exit code: 0 ended by a signal, 1 a part of it failed, 4 it could not start.`;

export const TOKEN_HELP = `
A token is shown once; the server keeps only a hash of its secret.

Examples:
  drawbridge-server token create --note "Anna's laptop"
  drawbridge-server token create --uses 200 --valid 7d --approval     a roll-out; each device waits for approval
  drawbridge-server token create --uses 200 --valid 7d --serials bought.txt   for these computers only
  drawbridge-server token create --gateway radius-1                   bearer for POST /v1/radius/post-auth`;

export const DEVICE_HELP = `
Examples:
  drawbridge-server device ID              what it said, how that was judged, what follows
  drawbridge-server device ID --why        how the decision came about, what would make it allow, and earlier ones
  drawbridge-server device ID --timeline   what led to what: signals, orders, requests to the VPN, answers
  drawbridge-server devices --waiting      who waits for approval, and whom they would replace
  drawbridge-server device approve ID      let one in; the device whose computer it is now is revoked
  drawbridge-server device offboard ID --reason "sold"   everything it was given ends at once
  drawbridge-server device clear-alarm ID  after looking into a copied identity
  drawbridge-server device close-signals ID   after looking into what a security product found
  drawbridge-server device ID break-glass --reason "demo at the customer's" --hours 8
  drawbridge-server device ID break-glass --end
  drawbridge-server device ID tag --add pilot`;

export const BREAKER_HELP = `
When more devices would lose access at once than the policy believes, they are held at restrict. Look into it: was it
a change of the policy, or of the devices? What was a mistake, mend; the breaker rests once nobody is held any more.
What was not, confirm.

Examples:
  drawbridge-server breaker                           whom it holds, and why they would lose access
  drawbridge-server breaker confirm --reason "yes, all of them run the recalled driver"`;

export const SESSIONS_HELP = `
Gateways tell of sessions by accounting (POST /v1/radius/accounting). Without options: those that are up.

Examples:
  drawbridge-server sessions
  drawbridge-server sessions --address 10.9.0.17 --at 2026-11-20T10:00:00Z    who was it, for a line of a flow log
  drawbridge-server sessions --user anna --ended --json`;

export const L2TP_HELP = `
Whom it means: all that is named has to hold (--tag a b means a or b). The server orders --batch devices at a time, waits
until each has shown what it is now, and orders nobody else after --stop-after failures. Devices that are away take their
turn when they come. Approval, a maintenance window and closing without an order: l2tpServers in the policy.

Examples:
  drawbridge-server l2tp-server close --found --batch 5 --reason "scanner finding"
  drawbridge-server l2tp-server close --tag lab --firewall --for 7d --detach
  drawbridge-server l2tp-server show ID --json
  drawbridge-server l2tp-server reopen --device ID

Exit code: 0 as ordered, or under way with --detach; 4 a device failed, or it was stopped.`;

export const ORDER_HELP = `
An order is a wanted state: it lasts until it is taken back, and a device that is away is ordered when it comes. A deny
of yours and one by the policy's decision are two things; the VPN is allowed when neither denies.

A profile (order set) names everything: name, gateway, machine (kind: psk, psk; or kind: device-certificate, authority,
gatewayId: the certificate that this server gives the device; or kind: certificate, authority, certificate, key, gatewayId), user (name, password; or null), suites (ike, esp), routes (all, or networks), dns, mtu.

Exit code: 0 done, 4 it did not work; with --wait 4 also where the device says no.

Examples:
  drawbridge-server order scan ID                                ask for a full report now
  drawbridge-server order deny ID --reason "laptop is lost" --wait
  drawbridge-server order deny ID --profile office --for 8h
  drawbridge-server order allow ID
  drawbridge-server order set ID office.yaml --up
  drawbridge-server order contain ID --for 2h                    reachable: this server, and isolation in the policy
  drawbridge-server order update-certificate ID                  a new key and certificate; delete-certificate: none
  drawbridge-server order cancel ID ORDER`;

export const ORDERS_HELP = `
sent: on its way. received: the device has it. done: the device says so. proven: its next report shows it.

Examples:
  drawbridge-server orders --device ID
  drawbridge-server orders --state failed --json`;

export const POLICY_HELP = `
check names every mistake with line, column and what would be right. try judges the devices as they are now by another
policy and changes nothing: who would get less or more, and why. Exit code: 0 good, 1 a mistake in it, 2 what --fail-on
asks about.

Examples:
  drawbridge-server policy check policy.yaml
  drawbridge-server policy try policy-next.yaml
  drawbridge-server policy try policy-next.yaml --fail-on lose --json`;

export const BASELINE_HELP = `
Policies that say maxDaysBehind compare devices with it; one that is older than baselineMaxAgeDays makes them unknown.

Examples:
  drawbridge-server baseline show
  drawbridge-server baseline convert --sofa macos_data_feed.json --windows windows11-release-information.html \\
      --distro-info /usr/share/distro-info/debian.csv --as-of 2026-11-20 --out baseline.json
  drawbridge-server baseline sign baseline.json --out baseline.jws
  drawbridge-server baseline import baseline.jws
  drawbridge-server baseline import https://intranet.example.com/baseline.jws`;
