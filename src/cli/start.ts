// npm start: the real server and a real enrolled agent on this machine, each as its own process, and one live view.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../base/errors.ts';
import { connectApi, type DeviceDocument } from './api-client.ts';
import { Children } from './children.ts';
import { EXIT_BY_RISK, EXIT_FAILED, EXIT_REQUIRED_UNKNOWN } from './exit-codes.ts';
import { complain } from './present.ts';
import { heartbeatLine, overview } from './start-view.ts';

const HELP = `npm start                                this machine's posture, live, until Ctrl-C
npm start -- --once                      the same once
npm start --silent -- --once --json      one JSON document on standard output

State lies in .drawbridge/ in this folder; delete it to begin anew.
Exit code with --once: 0 low risk, 1 medium, 2 high, 3 a check that the policy requires is unknown, 4 it did not work.
`;

const LIVE = '\nServer and agent keep running: a line for each heartbeat. Ctrl-C ends both.\n';

const FIRST_REPORT_MS = 90_000;
const POLL_MS = 500;

const folder = join(import.meta.dirname, '../../.drawbridge');

const options = readOptions();

if (options === null) process.exitCode = EXIT_FAILED;
else if (options.help) process.stdout.write(HELP);
else process.exitCode = await main(options);

type Options = { once: boolean; json: boolean; help: boolean };

/** Null, and said why, when an option is not ours. */
function readOptions(): Options | null {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { once: flag, json: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (error) {
    complain(`${messageOf(error)}\n\n${HELP}`);
    return null;
  }
}

async function main(options: Options): Promise<number> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stop = stopOnSignals();
  const children = new Children(join(folder, '..'), folder);
  try {
    return await Promise.race([show(options, children, stop), children.ended]);
  } catch (error) {
    // Ended by a signal before there was anything to show: no verdict may be read out of that.
    if (stop.aborted) return options.once ? EXIT_FAILED : 0;
    complain(messageOf(error));
    return EXIT_FAILED;
  } finally {
    await children.stop();
  }
}

async function show(options: Options, children: Children, stop: AbortSignal): Promise<number> {
  const began = Date.now();
  progress('Starting the posture server …');
  const url = await children.startServer();
  const device = await children.enrolAgent(url);
  progress('Reading this machine …');
  children.startAgent();
  const api = await connectApi(url, children.serverFolder);
  const document = await firstReport(() => api.device(device), began, stop);
  progress('');
  process.stdout.write(
    options.json ? `${JSON.stringify(documentOf(document))}\n` : await overview(document, url),
  );
  if (!options.once) {
    if (!options.json) process.stdout.write(LIVE);
    await follow(() => api.device(device), document, stop, options.json);
  }
  return options.once ? exitCode(document) : 0;
}

/** Waits until what the server shows was read after `began`. */
async function firstReport(
  ask: () => Promise<DeviceDocument>,
  began: number,
  stop: AbortSignal,
): Promise<DeviceDocument> {
  while (Date.now() - began < FIRST_REPORT_MS) {
    const document = await ask();
    const readAt = document.readings.agent?.at;
    if (document.decision !== null && readAt !== undefined && Date.parse(readAt) >= began) return document;
    await wait(POLL_MS, undefined, { signal: stop });
  }
  throw new Error(
    `No report arrived within ${FIRST_REPORT_MS / 1_000} s. Look into ${join(folder, 'agent.log')}.`,
  );
}

/** A line for each heartbeat, and the whole picture again when it has changed. */
async function follow(
  ask: () => Promise<DeviceDocument>,
  shown: DeviceDocument,
  stop: AbortSignal,
  json: boolean,
): Promise<void> {
  let last = shown;
  while (!stop.aborted) {
    await wait(POLL_MS, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) return;
    const now = await ask();
    if (now.lastSeen === last.lastSeen) continue;
    process.stdout.write(json ? `${JSON.stringify(documentOf(now))}\n` : heartbeatLine(last, now));
    last = now;
  }
}

/** The document that programs are promised: these five members and no other. */
function documentOf({ device, readings, verdicts, risk, decision }: DeviceDocument) {
  return { device, readings, verdicts, risk, decision };
}

function exitCode(document: DeviceDocument): number {
  return document.requiredUnknown.length > 0 ? EXIT_REQUIRED_UNKNOWN : EXIT_BY_RISK[document.risk.level];
}

/** One line on standard error that replaces itself, on a terminal only. */
function progress(text: string) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
}

function stopOnSignals(): AbortSignal {
  const control = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => control.abort(new Error(`ended by ${name}`)));
  }
  return control.signal;
}
