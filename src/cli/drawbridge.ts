#!/usr/bin/env node
import { homedir } from 'node:os';
import { Command } from 'commander';
import { messageOf } from '../base/errors.ts';
import { platformOf } from '../agent/paths.ts';
import { settingsFiles, whenChanged } from '../agent/settings-files.ts';
import { createTidying } from '../agent/tidy.ts';
import { useProcessStyle } from '../base/exec.ts';
import { styleFor } from '../base/process-style.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import type { CaptureOptions } from './agent-capture.ts';
import type { CheckOptions } from './agent-check.ts';
import type { EnrollOptions } from './agent-enroll.ts';
import type { CloseOptions } from './agent-l2tp-server.ts';
import type { LetGoOptions } from './agent-let-go.ts';
import type { ScanCommand } from './agent-scan.ts';
import type { SelftestOptions } from './agent-vpn.ts';
import type { TrayOptions } from '../tray/main.ts';
import { productVersion } from '../base/version.ts';
import { endWithParent } from './attached.ts';
import { EXIT_FAILED, exitAsFailed } from './exit-codes.ts';
import { complain } from './present.ts';

const HELP = `
Examples:
  drawbridge check                      how healthy is this computer, and what to do first
  drawbridge check --json               the same for programs
  drawbridge enroll --server https://posture.example.com --token-stdin
  drawbridge agent                      run the agent in the foreground (as root, for all checks)
  drawbridge status                     what the running agent is doing
  drawbridge doctor                     why it does not work
  drawbridge vpn status                 the VPN connections here, and whether something holds them
  drawbridge scan 192.0.2.0/28          which of these hosts let anybody talk L2TP to them
  drawbridge capture                    what this computer answered, without names and secrets, to report a wrong answer

Settings are optional: /etc/drawbridge/agent.yaml (root) or ~/.config/drawbridge/agent.yaml.
What device management sets outranks them; doctor says what that is.`;

const CHECK_HELP = `
Nothing is sent anywhere. Without root some checks stay unknown, and say so.

Exit code: 0 low risk, 1 medium, 2 high, 3 a check that the policy requires could not be read, 4 it did not work.

Examples:
  sudo drawbridge check
  drawbridge check --json | jq .firstToFix
  drawbridge check --from drawbridge-capture.json.gz`;

const CAPTURE_HELP = `
What it holds is listed before it is written, and nothing is sent anywhere. Names, addresses, identifiers and secrets
are replaced by stand-ins; look through the file (gzip -dc) before you give it away: what is secret, nobody knows but you.

Exit code: 0 written, 1 not wanted after all, 4 it did not work.

Examples:
  sudo drawbridge capture
  sudo drawbridge capture --check firewall --check vpn-client --out firewall.json.gz --yes
  drawbridge capture --unpack drawbridge-capture.json.gz ./case`;

const ENROLL_HELP = `
A token is made by: drawbridge-server token create. It names the server's own key: a server that cannot prove that
key does not get to see the token's secret, whatever certificate it shows.
A run that was cut off can be repeated with the same token.

Examples:
  drawbridge enroll --server https://posture.example.com --token-stdin < token.txt
  drawbridge enroll --server https://posture.example.com --token-file /root/token`;

const ROTATE_HELP = `
The old keys and the new ones both sign for the change; from then on the old ones are worth nothing. Use it to move
keys into a TPM, or after somebody may have read a backup. A run that was cut off goes on where it was. The agent may
run meanwhile. Keys that are lost cannot be replaced: drawbridge enroll --again

Exit code: 0 done, 4 it did not work.`;

const STATUS_HELP = `
Exit code: 0 connected, 1 not connected, 3 the agent does not run.`;

const DOCTOR_HELP = `
Exit code: 0 all well or warnings only, 1 something has to be done.`;

const VPN_HELP = `
Examples:
  sudo drawbridge vpn status
  sudo drawbridge vpn selftest`;

const VPN_STATUS_HELP = `
Exit code: 0 everything was seen, 3 something could not be.`;

const SELFTEST_HELP = `
Makes a connection to nowhere (192.0.2.1), denies, allows and removes it, and compares settings and firewall before and
after, byte by byte. Other connections go on. Where a system has no way to make one, all of L2TP is denied for a few
seconds, and only while none of it is up. The agent has to be stopped.
The file holds what was asked and answered: it lets the project turn enforcement on for this version of the system.

Exit code: 0 all as expected, 1 something differs, 3 it could not run, 4 wrong options.

Examples:
  sudo drawbridge vpn selftest
  sudo drawbridge vpn selftest --json --out selftest.json.gz`;

const SCAN_HELP = `
Sends a request for an L2TP tunnel to UDP 1701 and the first message of IKE to 500 and 4500; a tunnel that is opened is
closed at once. Only the hosts that you name are asked, three times at most. Ask only where you may.

Exit code: 0 all were asked, 1 a state of --fail-on was found, 3 some could not be asked or you said no, 4 it did not work.

Examples:
  drawbridge scan vpn.example.com 192.0.2.0/28
  drawbridge scan --file hosts.txt --fail-on exposed --format junit --out l2tp.xml
  drawbridge scan 2001:db8::1 --json`;

const L2TP_SERVER_HELP = `
status changes nothing. close stops, disables and masks what serves L2TP (Linux with systemd), looks whether it is closed
and everything else still works, and puts all back where that fails. reopen makes it as it was before.

Exit code of status: 0 nobody listens, 1 somebody does, 3 that could not be seen. Of the others: 0 done, 4 not.

Examples:
  sudo drawbridge l2tp-server status
  sudo drawbridge l2tp-server close --reason "scanner finding"
  sudo drawbridge l2tp-server close --firewall      leave services alone, drop what comes to UDP 1701
  sudo drawbridge l2tp-server reopen`;

const TRAY_HELP = `
Starts by itself at login (see docs/tray.md). It reads what the agent says over this user's own socket, and asks for
nothing but: check again, remind me later, reconnect.

Exit code: 0 ended, or one runs already, 4 there is no desktop session.

Examples:
  drawbridge tray
  drawbridge tray --open`;

const AGENT_HELP = `
One agent a state folder. The log is one JSON line an event on standard error. Not enrolled yet, it waits until it is.
Changed settings are taken within a minute (Windows: five), or at once on SIGHUP.

Exit code: 0 after SIGTERM or Ctrl-C, 1 when a part of it failed, 4 it could not start.

Examples:
  sudo drawbridge agent
  drawbridge agent --config ./agent.yaml --state ./state 2> agent.log`;

type Action<O> = (settings: Settings, options: O) => Promise<number>;

/** Settings are loaded first. */
function running<O extends SettingsOptions>(action: Action<O>): (options: O) => void {
  return (options) => ending(async () => action(await settingsFor(options), options));
}

async function settingsFor(options: SettingsOptions): Promise<Settings> {
  // Neither --help nor --version needs them.
  const { loadSettings } = await import('./agent-settings.ts');
  return loadSettings(options, platformOf(process.platform), homedir());
}

/** What the command line asks for; it runs once that is read, and then nothing holds the parser in memory. */
let wanted: (() => Promise<number>) | null = null;

function ending(action: () => Promise<number>): void {
  wanted = action;
}

/** What goes wrong is one sentence, not a stack. */
async function doWanted(): Promise<void> {
  const action = wanted;
  wanted = null;
  try {
    if (action !== null) process.exitCode = await action();
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = EXIT_FAILED;
  }
}

function withSettings(command: Command): Command {
  return command
    .option('--config <file>', 'settings file (YAML)')
    .option('--state <folder>', 'state folder, instead of the settings’ own');
}

const program = new Command('drawbridge')
  .exitOverride(exitAsFailed)
  .version(productVersion(), '-V, --version', 'print the version')
  .description('Tells how healthy this computer is, and lets it into the company’s VPN while it is.')
  .addHelpText('after', HELP);

withSettings(program.command('check'))
  .description('read everything now, judge it here, and say what to do first')
  .option('--from <file>', 'a capture, in place of this computer')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', CHECK_HELP)
  .action(
    running(async (settings, options: CheckOptions) => {
      const { check } = await import('./agent-check.ts');
      return check(settings, options);
    }),
  );

withSettings(program.command('capture [folder]'))
  .description('write what this computer answers into a file, to report a wrong answer')
  .option('--out <file>', 'the file; without it, drawbridge-capture-<time>.json.gz here')
  .option('--check <id...>', 'only what these checks ask')
  .option('--yes', 'write without asking')
  .option('--unpack <file>', 'write a capture into a folder as test cases, in place of taking one')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', CAPTURE_HELP)
  .action((folder: string | undefined, options: CaptureOptions) =>
    running(async (settings, options: CaptureOptions) => {
      const { capture } = await import('./agent-capture.ts');
      return capture(settings, options);
    })(folder === undefined ? options : { ...options, folder }),
  );

withSettings(program.command('status'))
  .description('what the running agent is doing')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', STATUS_HELP)
  .action(
    running(async (settings, { json }: SettingsOptions) => {
      const { status } = await import('./agent-status.ts');
      return status(settings, json === true);
    }),
  );

withSettings(program.command('rotate-key'))
  .description('give this computer new keys, in the best store it has')
  .option('--json', 'one JSON document instead of sentences')
  .addHelpText('after', ROTATE_HELP)
  .action(
    running(async (settings, { json = false }) => {
      const { rotateKey } = await import('./agent-rotate-key.ts');
      return rotateKey(settings, json);
    }),
  );

withSettings(program.command('enroll'))
  .description('make this computer known to a server')
  .option('--server <url>', 'https:// address of the server')
  .option('--token-stdin', 'read the token from standard input')
  .option('--token-file <file>', 'read the token from a file')
  .option('--token <token>', 'the token itself (visible to everybody on this computer)')
  .option('--again', 'give a computer that is enrolled a new identity')
  .option('--json', 'one JSON document instead of sentences')
  .addHelpText('after', ENROLL_HELP)
  .action(
    running(async (settings, options: EnrollOptions) => {
      const { enroll } = await import('./agent-enroll.ts');
      return enroll(settings, options);
    }),
  );

withSettings(program.command('doctor'))
  .description('look at everything that the agent needs, and say what to do')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', DOCTOR_HELP)
  .action(
    running(async (settings, { json }: SettingsOptions) => {
      const { doctor } = await import('./agent-doctor.ts');
      return doctor(settings, json === true);
    }),
  );

const vpn = program
  .command('vpn')
  .description('the VPN connections of this computer')
  .addHelpText('after', VPN_HELP);

withSettings(vpn.command('status'))
  .description('what is there, what is up, and whether something holds it; changes nothing')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', VPN_STATUS_HELP)
  .action(
    running(async (settings, { json }: SettingsOptions) => {
      const { vpnStatus } = await import('./agent-vpn.ts');
      return vpnStatus(settings, json === true);
    }),
  );

withSettings(vpn.command('selftest'))
  .description('deny and allow for real, and see whether all is as before')
  .option('--out <file>', 'the file; without it, drawbridge-vpn-selftest-<time>.json.gz here')
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', SELFTEST_HELP)
  .action(
    running(async (settings, options: SelftestOptions) => {
      const { vpnSelftest } = await import('./agent-vpn.ts');
      return vpnSelftest(settings, options);
    }),
  );

program
  .command('scan [host...]')
  .description('ask hosts, addresses and networks (CIDR) whether they let L2TP in outside IPsec')
  .option('--file <file>', 'more of them, one a line; # starts a comment')
  .option('--format <format>', 'table, json, sarif or junit', 'table')
  .option('--json', 'the same as --format json')
  .option('--out <file>', 'write there, in place of standard output')
  .option('--fail-on <state...>', 'exit with 1 where a host is exposed, ipsec, refused, silent or unasked')
  .option('--rate <packets>', 'packets a second, of all hosts together', '50')
  .option('--yes', 'more than 256 addresses without asking')
  .addHelpText('after', SCAN_HELP)
  .action(async (hosts: string[], options: ScanCommand) => {
    const { scanHosts } = await import('./agent-scan.ts');
    ending(() => scanHosts(hosts, options));
  });

const l2tpServer = program
  .command('l2tp-server')
  .description('the L2TP server of this computer that nobody meant to run')
  .addHelpText('after', L2TP_SERVER_HELP);

withSettings(l2tpServer.command('status'))
  .description('who listens on UDP 1701, and whether that was closed; changes nothing')
  .option('--json', 'one JSON document instead of a table')
  .action(
    running(async (settings, options: SettingsOptions) => {
      const { l2tpServerStatus } = await import('./agent-l2tp-server.ts');
      return l2tpServerStatus(settings, options);
    }),
  );

withSettings(l2tpServer.command('close'))
  .description('close it, and prove that it is closed')
  .option('--firewall', 'by a rule on UDP 1701 alone, where the services have to go on')
  .option('--for <time>', 'reopen by itself after 90m, 24h or 7d (needs the running agent)')
  .option('--even-if-used', 'clients that are connected may be cut off')
  .option('--reason <text>', 'why, for whoever finds it closed')
  .option('--json', 'one JSON document instead of a table')
  .action(
    running(async (settings, options: CloseOptions) => {
      const { l2tpServerClose } = await import('./agent-l2tp-server.ts');
      return l2tpServerClose(settings, options);
    }),
  );

withSettings(l2tpServer.command('reopen'))
  .description('make it as it was before')
  .option('--json', 'one JSON document instead of a table')
  .action(
    running(async (settings, options: SettingsOptions) => {
      const { l2tpServerReopen } = await import('./agent-l2tp-server.ts');
      return l2tpServerReopen(settings, options);
    }),
  );

withSettings(program.command('agent'))
  .description('run the agent in the foreground until SIGTERM or Ctrl-C')
  .option('--observe', 'leave the VPN alone whatever the server orders, as vpn.mode: observe in the settings')
  .addHelpText('after', AGENT_HELP)
  .action(
    running(async (settings, { observe, ...options }: SettingsOptions & { observe?: boolean }) => {
      const observing = (place: Settings): Settings => {
        const vpn = { ...place.config.vpn, ...(observe ? { mode: 'observe' as const } : {}) };
        return { ...place, config: { ...place.config, vpn } };
      };
      const { main } = await import('../agent/main.ts');
      const tidy = createTidying();
      const look = whenChanged({
        files: settingsFiles(settings),
        look: () => settingsFor(options).finally(tidy),
        first: { seen: settings, at: performance.timeOrigin },
      });
      return main(observing(settings), async () => observing(await look()));
    }),
  );

program
  .command('service', { hidden: true })
  .description('the agent as a service of Windows, for its service manager alone')
  .action(async () => {
    const { runService } = await import('./agent-service.ts');
    ending(() => runService(() => settingsFor({})));
  });

withSettings(program.command('let-go', { hidden: true }))
  .description('let go of whatever the agent holds on this computer: for uninstallers')
  .option('--forget', 'remove its state and settings, too')
  .action(
    running(async (settings, options: LetGoOptions) => {
      const { letGo } = await import('./agent-let-go.ts');
      return letGo(settings, options);
    }),
  );

program
  .command('tray')
  .description('show in this desktop session how this computer is, and what to do; one a session')
  .option('--open', 'show the page, too; asks the tray that runs already, where there is one')
  .option('--folder <folder>', 'where the agent’s sockets lie, if not where the service puts them')
  .addHelpText('after', TRAY_HELP)
  .action(async (options: TrayOptions) => {
    const { main } = await import('../tray/main.ts');
    ending(() => main(options));
  });

useProcessStyle(styleFor(process.platform));
endWithParent();
void program.parseAsync().then(doWanted);
