// In the rig: sends one webhook, given on standard input, over a connection that stands already, and prints when (in
// milliseconds since the epoch) its last byte was handed to the system.
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';

const { host, port, caFile, head, body } = JSON.parse(readFileSync(0, 'utf8'));
const socket = connect({ host, port, ca: readFileSync(caFile) });
socket.once('secureConnect', () => {
  let sent = 0;
  socket.write(head);
  socket.write(body, () => (sent = performance.timeOrigin + performance.now()));
  socket.once('data', (answer) => {
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1]);
    process.stdout.write(`${JSON.stringify({ sent, status })}\n`);
    socket.destroy();
  });
});
