// A process that answers every request with the same allow, over TLS: what rlm_rest costs by itself.
// node constant-server.ts CERT KEY prints its port.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const [certFile = '', keyFile = ''] = process.argv.slice(2);
const literal = (value: string | number) => ({ op: ':=', do_xlat: false, value: [value] });
const answer = JSON.stringify({
  'control:Tmp-String-0': literal('allow'),
  'reply:Filter-Id': literal('posture-full'),
  'reply:Session-Timeout': literal(28_800),
  'reply:Class': literal('p1;n=AAAAAAAAAAAAAAAAAAAAAA'),
});
const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
const server = createServer(tls, (request, response) => {
  request
    .resume()
    .on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(answer));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
