import type { Host } from '../../collectors/check.ts';
import type { Answer } from '../agent/recorder.ts';

/** More than any run asks. */
const MAX_ANSWERS = 2_000;

export type Transcript = { host: Host; answers(): Answer[] };

/**
 * A host that notes every program with what it printed, in order, the same one as often as it ran. What a program was
 * told on standard input is not noted: it can hold the secrets of a connection.
 */
export function transcribed(host: Host): Transcript {
  const noted: Answer[] = [];
  const run: Host['run'] = async (command, argv, options) => {
    const { stdout, stderr, code, failure } = await host.run(command, argv, options);
    if (noted.length < MAX_ANSWERS && failure !== 'not-found')
      noted.push({
        kind: 'command',
        checks: ['vpn-client'],
        argv: [command.path, ...argv],
        stdout,
        stderr,
        exit: code ?? -1,
        ...(failure === null ? {} : { failure }),
      });
    return { stdout, stderr, code, failure };
  };
  return { host: { ...host, run }, answers: () => noted };
}
