import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Names under which a secret could reach a log line. A value below one of them is replaced, at any depth up to three. */
const SECRET_KEYS = [
  'password',
  'secret',
  'token',
  'psk',
  'authorization',
  'cookie',
  'jws',
  'privateKey',
  'User-Password',
  'MS-CHAP-Response',
  'MS-CHAP2-Response',
  'CHAP-Password',
];

/** One JSON line per event on standard error: standard output is for what a command was asked to print. */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  const paths = SECRET_KEYS.flatMap((key) => ['', '*.', '*.*.'].map((depth) => `${depth}["${key}"]`));
  const redact = { paths: paths.map((path) => path.replace('.[', '[')), censor: '[redacted]' };
  return pino(
    { name, level, redact, timestamp: pino.stdTimeFunctions.isoTime },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
