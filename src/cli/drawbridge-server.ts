#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../base/errors.ts';
import { productVersion } from '../base/version.ts';
import { endWithParent } from './attached.ts';
import { EXIT_FAILED, exitAsFailed } from './exit-codes.ts';
import { complain } from './present.ts';
import { addCaCommands } from './server-ca-commands.ts';
import type { ConvertOptions, ImportOptions, SignOptions } from './server-baseline.ts';
import type { ChangeName, DeviceOptions, DevicesOptions, OffboardOptions } from './server-devices.ts';
import type { BreakGlassOptions, ConfirmOptions, TagOptions } from './server-fairness.ts';
import {
  BREAKER_HELP,
  BASELINE_HELP,
  DEVICE_HELP,
  HELP,
  INIT_HELP,
  L2TP_HELP,
  ORDER_HELP,
  ORDERS_HELP,
  POLICY_HELP,
  SESSIONS_HELP,
  START_HELP,
  TOKEN_HELP,
} from './server-help.ts';
import type { RolloutOptions } from './server-l2tp.ts';
import type { RolloutChange } from '../server/l2tp/rollout-requests.ts';
import type { SessionOptions } from './server-sessions.ts';
import type { OrderRequest } from '../server/order-requests.ts';
import type { OrderOptions, OrdersOptions } from './server-orders.ts';
import type { TryOptions } from './server-policy.ts';
import type { ServerOptions } from './server-settings.ts';
import type { InitOptions } from './server-start.ts';
import type { TokenOptions } from './server-tokens.ts';

const program = new Command('drawbridge-server')
  .exitOverride(exitAsFailed)
  .version(productVersion(), '-V, --version', 'print the version')
  .description('Takes reports from devices, judges them by one policy, and tells the VPN who may come in.')
  .addHelpText('after', HELP);

withData(program.command('init'))
  .description('make the data folder')
  .option('--name <name...>', 'name or address under which devices reach the server', [])
  .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
  .option('--port <number>', 'port to listen on (default: 8443)', portNumber)
  .addHelpText('after', INIT_HELP)
  .action(running(async (options: InitOptions) => (await import('./server-start.ts')).initCommand(options)));

withData(program.command('start'))
  .description('run the server')
  .option('--config <file>', 'settings file, instead of server.yaml in the data folder')
  .addHelpText('after', START_HELP)
  .action(
    running(async (options: ServerOptions) => (await import('./server-start.ts')).startCommand(options)),
  );

const token = program
  .command('token')
  .description('what devices and gateways prove themselves with')
  .addHelpText('after', TOKEN_HELP);
withData(token.command('create'))
  .description('make a token for devices, or a credential for a gateway')
  .option('--uses <number>', 'how many devices may use it', Number, 1)
  .option('--valid <time>', 'for how long, such as 90m, 24h or 7d', '24h')
  .option('--approval', 'each device waits for: device approve')
  .option('--note <text>', 'what it is for', '')
  .option('--serials <file>', 'only for computers of these serial numbers, one a line')
  .option('--gateway <name>', 'a credential for this gateway instead')
  .action(
    running(async (options: TokenOptions) => (await import('./server-tokens.ts')).createCommand(options)),
  );
withData(token.command('list'))
  .description('all tokens and gateways, without their secrets')
  .action(
    running(async (options: ServerOptions) => (await import('./server-tokens.ts')).listCommand(options)),
  );
withData(token.command('revoke'))
  .description('make a token, or a gateway’s credential, worth nothing')
  .argument('<name>', 'id of the token, or name of the gateway')
  .action(
    runningOn(async (name, options: ServerOptions) =>
      (await import('./server-tokens.ts')).revokeCommand(name, options),
    ),
  );

withData(program.command('devices'))
  .description('all devices at a glance')
  .option('--outdated [version]', 'those whose agent is older than this server, or than a version')
  .option('--waiting', 'those that wait for approval, and whom they would replace')
  .action(
    running(async (options: DevicesOptions) => (await import('./server-devices.ts')).devicesCommand(options)),
  );

const device = program.command('device').description('one device whole').addHelpText('after', DEVICE_HELP);
withData(device.command('show', { isDefault: true }))
  .description('what a device said, how that was judged, what follows')
  .argument('<id>', 'as in: drawbridge-server devices')
  .option('--timeline', 'with what was found, decided, ordered and asked, and every answer')
  .option('--why', 'how the decision came about, what would make it allow, and earlier ones')
  .action(
    runningOn(async (id, options: DeviceOptions) =>
      (await import('./server-devices.ts')).deviceCommand(id, options),
    ),
  );
addChange('approve', 'let a pending device in');
addChange('revoke', 'end a device for good');
withData(device.command('offboard'))
  .description('the same with a reason: key, connection, VPN sessions, orders, all at once')
  .argument('<id>')
  .option('--reason <text>', 'why; it goes on record', 'off-boarded by an administrator')
  .action(
    runningOn(async (id, options: OffboardOptions) =>
      (await import('./server-devices.ts')).offboardCommand(id, options),
    ),
  );
addChange('close-signals', 'what security products found was looked into');
addChange('clear-alarm', 'believe again that one computer uses this identity');

withData(device.command('break-glass'))
  .description('let a device in for some hours, whatever its state')
  .argument('<id>')
  .option('--reason <text>', 'why; it goes on record')
  .option('--hours <number>', 'for how long')
  .option('--end', 'end it before its time')
  .action(
    runningOn(async (id, options: BreakGlassOptions) =>
      (await import('./server-fairness.ts')).breakGlassCommand(id, options),
    ),
  );
withData(device.command('tag'))
  .description('names by which the policy’s groups know a device')
  .argument('<id>')
  .option('--add <name...>', 'give it these')
  .option('--remove <name...>', 'take these away')
  .option('--directory', 'they are groups of the company’s directory, not tags')
  .action(
    runningOn(async (id, options: TagOptions) =>
      (await import('./server-fairness.ts')).tagCommand(id, options),
    ),
  );

const breaker = program
  .command('breaker')
  .description('what holds many devices that would lose access at once')
  .addHelpText('after', BREAKER_HELP);
withData(breaker.command('status', { isDefault: true }))
  .description('whether it holds anybody, and whom')
  .action(
    running(async (options: ServerOptions) =>
      (await import('./server-fairness.ts')).breakerStatusCommand(options),
    ),
  );
withData(breaker.command('confirm'))
  .description('they are to lose access')
  .option('--reason <text>', 'why; it goes on record')
  .option('--minutes <number>', 'for how long nothing is held afterwards (default: 10)')
  .action(
    running(async (options: ConfirmOptions) =>
      (await import('./server-fairness.ts')).breakerConfirmCommand(options),
    ),
  );

withData(program.command('sessions'))
  .description('who is in the VPN, or had an address at a time')
  .option('--address <address>', 'inside the VPN, or where the tunnel comes from')
  .option('--at <time>', 'that were up then, such as 2026-11-20T10:00:00Z')
  .option('--device <id>', 'of this device')
  .option('--user <name>', 'of this user')
  .option('--ended', 'also those that have ended')
  .addHelpText('after', SESSIONS_HELP)
  .action(
    running(async (options: SessionOptions) =>
      (await import('./server-sessions.ts')).sessionsCommand(options),
    ),
  );

const order = program
  .command('order')
  .description('tell a device to do something')
  .addHelpText('after', ORDER_HELP);
addOrder('scan', 'ask for a full report now');
addOrder('deny', 'take the VPN down and keep it down until it is allowed')
  .option('--profile <name...>', 'only these profiles')
  .option('--for <time>', 'for so long, such as 90m, 8h or 7d; then the device lifts it by itself');
addOrder('allow', 'take back: order deny');
addOrder('set', 'make a VPN profile what a file says')
  .argument('<file>', 'YAML or JSON; it holds secrets, so it has to be yours alone (chmod 600)')
  .option('--up', 'and connect it');
addOrder('contain', 'cut the device off from all but this server and whom the policy names').requiredOption(
  '--for <time>',
  'for so long, such as 90m, 8h or 7d; then the device lifts it by itself',
);
addOrder('update-certificate', 'get a new VPN certificate now');
addOrder('delete-certificate', 'give the VPN certificate up, until: order update-certificate');
addOrder('cancel', 'take back what an order wants').argument(
  '<order>',
  'its id, as in: drawbridge-server orders',
);

withData(program.command('orders'))
  .description('what was ordered, and what came of it')
  .option('--device <id>', 'of this device')
  .option('--state <state>', 'sent, received, done, proven or failed')
  .option('--limit <number>', 'so many, newest first', Number, 50)
  .addHelpText('after', ORDERS_HELP)
  .action(
    running(async (options: OrdersOptions) => (await import('./server-orders.ts')).ordersCommand(options)),
  );

const l2tpServer = program
  .command('l2tp-server')
  .description('L2TP servers that nobody meant to run, on many devices')
  .addHelpText('after', L2TP_HELP);
addRollout('close', 'close them, batch by batch; the server goes on also when this command ends')
  .option('--firewall', 'by a rule; services go on')
  .option('--even-if-used', 'also where clients are connected')
  .option('--for <time>', 'for so long, such as 8h or 7d; then each device reopens by itself');
addRollout('reopen', 'put back what was closed');
addRolloutChange('approve', 'let it begin, where the policy asks for approval');
addRolloutChange('stop', 'order nobody else');
addRolloutChange('resume', 'go on after a stop').option('--retry', 'and try again where it failed');
withData(l2tpServer.command('list'))
  .description('rollouts, newest first')
  .action(
    running(async (options: ServerOptions) => (await import('./server-l2tp.ts')).rolloutListCommand(options)),
  );
withData(l2tpServer.command('show'))
  .description('each device of a rollout, before and after')
  .argument('<id>')
  .action(
    runningOn(async (id, options: ServerOptions) =>
      (await import('./server-l2tp.ts')).rolloutShowCommand(id, options),
    ),
  );
withData(l2tpServer.command('servers'))
  .description('the baseline: every server that was seen on a device')
  .action(
    running(async (options: ServerOptions) => (await import('./server-l2tp.ts')).serversCommand(options)),
  );
withData(l2tpServer.command('accept'))
  .description('the servers of a device are meant to be there')
  .argument('<device>')
  .action(
    runningOn(async (id, options: ServerOptions) =>
      (await import('./server-l2tp.ts')).acceptCommand(id, options),
    ),
  );
withData(l2tpServer.command('events'))
  .description('servers that appeared or went, and attempts on closed ones')
  .option('--device <id>', 'of this device')
  .action(
    running(async (options: ServerOptions & { device?: string }) =>
      (await import('./server-l2tp.ts')).eventsCommand(options),
    ),
  );

const policy = program
  .command('policy')
  .description('look at a policy before it is used')
  .addHelpText('after', POLICY_HELP);
withData(policy.command('try'))
  .description('what it would do to the devices as they are now')
  .argument('<file>')
  .option(
    '--fail-on <what>',
    'exit with 2 where somebody would lose access (lose), or get less than now (less)',
  )
  .action(
    runningOn(async (file, options: TryOptions) =>
      (await import('./server-policy.ts')).policyTryCommand(file, options),
    ),
  );
policy
  .command('check')
  .description('every mistake with line, column and what would be right')
  .argument('<file>')
  .option('--json', 'one JSON document instead of sentences')
  .action(
    runningOn(async (file, options: { json?: boolean }) =>
      (await import('./server-policy.ts')).policyCheckCommand(file, options),
    ),
  );

const baseline = program
  .command('baseline')
  .description('reference data: which releases there are, and how long they get updates')
  .addHelpText('after', BASELINE_HELP);
withData(baseline.command('show'))
  .description('what is in force, of when, from whom')
  .action(
    running(async (options: ServerOptions) => (await import('./server-baseline.ts')).showCommand(options)),
  );
withData(baseline.command('import'))
  .description('put a signed baseline in force')
  .argument('<source>', 'a file, an https:// address, or "shipped"')
  .option('--older', 'also one that knows less than the one in force')
  .option('--ca <file>', 'the authority of an https:// address, instead of the system’s')
  .action(
    runningOn(async (source, options: ImportOptions) =>
      (await import('./server-baseline.ts')).importCommand(source, options),
    ),
  );
withData(baseline.command('sign'))
  .description('sign a baseline with this server’s baseline key')
  .argument('<file>', 'as made by: baseline convert')
  .option('--out <file>', 'write it there instead of to standard output')
  .action(
    runningOn(async (file, options: SignOptions) =>
      (await import('./server-baseline.ts')).signCommand(file, options),
    ),
  );
baseline
  .command('convert')
  .description('make a baseline of public feeds that you have fetched')
  .option('--sofa <file>', 'SOFA’s macos_data_feed.json')
  .option('--windows <file...>', 'pages of Microsoft’s release information or update history', [])
  .option('--distro-info <file...>', 'debian.csv, ubuntu.csv of distro-info-data', [])
  .option('--as-of <day>', 'when they were fetched, for those that do not say')
  .option('--out <file>', 'write it there instead of to standard output')
  .action(
    running(async (options: ConvertOptions) =>
      (await import('./server-baseline.ts')).convertCommand(options),
    ),
  );

addCaCommands(program, { withData, running, runningOn });

// What the server writes is for its own user alone.
process.umask(0o077);
endWithParent();
void program.parseAsync(verbFirst(process.argv));

/** `device ID break-glass` is understood as `device break-glass ID`: both are how one would say it. */
function verbFirst(argv: readonly string[]): string[] {
  const [node = '', script = '', noun, id, verb, ...rest] = argv;
  const isVerb = device.commands.some((command) => command.name() === verb);
  return noun === 'device' && id !== undefined && verb !== undefined && isVerb
    ? [node, script, noun, verb, id, ...rest]
    : [...argv];
}

function addChange(name: ChangeName, description: string): void {
  withData(device.command(name))
    .description(description)
    .argument('<id>')
    .action(
      runningOn(async (id, options: ServerOptions) =>
        (await import('./server-devices.ts')).changeCommand(name, id, options),
      ),
    );
}

function addOrder(action: OrderRequest['action'], description: string): Command {
  return withData(order.command(action))
    .description(description)
    .argument('<device>', 'as in: drawbridge-server devices')
    .option('--reason <text>', 'why: the device’s user is shown it')
    .option('--wait', 'until it is proven or has failed, a minute at most')
    .action((...given: unknown[]) => {
      const words = given.filter((one) => typeof one === 'string');
      const options = given.find((one) => typeof one === 'object' && !(one instanceof Command));
      return finish(async () =>
        (await import('./server-orders.ts')).orderCommand(action, words, (options ?? {}) as OrderOptions),
      );
    });
}

function addRollout(action: 'close' | 'reopen', description: string): Command {
  return withData(l2tpServer.command(action))
    .description(description)
    .option('--device <id...>', 'these devices')
    .option('--tag <name...>', 'that have one of these tags')
    .option('--directory <name...>', 'in one of these groups of the directory')
    .option('--group <name>', 'in this group of the policy')
    .option('--found', 'on which a server, or somebody who listens, was found')
    .option('--batch <number>', 'so many at a time (default: 10)', Number)
    .option('--stop-after <number>', 'order nobody else after so many failures (default: 3)', Number)
    .option('--within <time>', 'wait so long for devices that are away (default: 7d)')
    .option('--reason <text>', 'why; it goes on record')
    .option('--detach', 'do not wait for it')
    .action(
      running(async (options: RolloutOptions) =>
        (await import('./server-l2tp.ts')).rolloutCommand(action, options),
      ),
    );
}

function addRolloutChange(change: RolloutChange, description: string): Command {
  return withData(l2tpServer.command(change))
    .description(description)
    .argument('<id>', 'as in: drawbridge-server l2tp-server list')
    .action(
      runningOn(async (id, options: ServerOptions & { retry?: boolean }) =>
        (await import('./server-l2tp.ts')).rolloutChangeCommand(change, id, options),
      ),
    );
}

function withData(command: Command): Command {
  return command
    .option('--data <folder>', 'the server’s data folder')
    .option('--json', 'for programs: JSON instead of tables and sentences');
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('It has to be a number from 0 to 65535.');
}

function running<O>(action: (options: O) => Promise<number>): (options: O) => Promise<void> {
  return (options) => finish(() => action(options));
}

function runningOn<O>(action: (what: string, options: O) => Promise<number>) {
  return (what: string, options: O) => finish(() => action(what, options));
}

/** What goes wrong is a sentence, not a stack. */
async function finish(action: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await action();
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = EXIT_FAILED;
  }
}
