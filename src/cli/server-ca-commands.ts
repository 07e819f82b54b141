import type { Command } from 'commander';
import type { CaInitOptions, IssueOptions, OutOptions, RevokeOptions } from './server-ca.ts';
import type { ServerOptions } from './server-settings.ts';

/** How the program declares and runs commands. */
type Ways = {
  withData(command: Command): Command;
  running<O>(action: (options: O) => Promise<number>): (options: O) => Promise<void>;
  runningOn<O>(
    action: (what: string, options: O) => Promise<number>,
  ): (what: string, options: O) => Promise<void>;
};

const load = () => import('./server-ca.ts');
const ORGANISATION = ['--organisation <name>', 'stands in the authority’s name', 'Drawbridge'] as const;
const OUT = ['--out <file>', 'write it there instead of to standard output'] as const;

/** `drawbridge-server ca …` */
export function addCaCommands(program: Command, ways: Ways): void {
  const ca = program
    .command('ca')
    .description('the authority that gives certificates to healthy devices')
    .addHelpText('after', CA_HELP);
  addAuthorityCommands(ca, ways);
  addIssuedCommands(ca, ways);
}

function addAuthorityCommands(ca: Command, { withData, running, runningOn }: Ways): void {
  withData(ca.command('init'))
    .description('make a root and an issuing authority')
    .option(
      '--offline-root <folder>',
      'put the root there, such as on a stick, instead of beside the other keys',
    )
    .option(...ORGANISATION)
    .action(running(async (options: CaInitOptions) => (await load()).caInitCommand(options)));
  withData(ca.command('status', { isDefault: true }))
    .description('what ends when; exit code 2 where that needs somebody')
    .action(running(async (options: ServerOptions) => (await load()).caStatusCommand(options)));
  const intermediate = ca.command('intermediate').description('renew the issuing authority');
  withData(intermediate.command('csr'))
    .description('make a new key, and a request for the root to sign')
    .option(...ORGANISATION)
    .option(...OUT)
    .action(
      running(async (options: OutOptions & { organisation: string }) => (await load()).caCsrCommand(options)),
    );
  intermediate
    .command('sign')
    .description('where the root is: sign a request')
    .argument('<request>')
    .requiredOption('--root <folder>', 'holds root.key.pem and root.pem')
    .option(...OUT)
    .option('--json', 'for programs: JSON instead of tables and sentences')
    .action(
      runningOn(async (file, options: OutOptions & { root: string }) =>
        (await load()).caSignCommand(file, options),
      ),
    );
  withData(intermediate.command('import'))
    .description('put the signed certificate in the place of the one in use')
    .argument('<certificate>')
    .option('--root <file>', 'the root’s certificate, where it is another than before')
    .action(
      runningOn(async (file, options: ServerOptions & { root?: string }) =>
        (await load()).caImportCommand(file, options),
      ),
    );
}

function addIssuedCommands(ca: Command, { withData, running, runningOn }: Ways): void {
  withData(ca.command('list'))
    .description('certificates that were issued')
    .option('--device <id>', 'to this device')
    .action(
      running(async (options: ServerOptions & { device?: string }) => (await load()).caListCommand(options)),
    );
  withData(ca.command('revoke'))
    .description('make a certificate, or all of a device, worth nothing')
    .argument('[serial]')
    .option('--device <id>', 'all of this device')
    .option(
      '--reason <reason>',
      'keyCompromise, superseded, cessationOfOperation, privilegeWithdrawn',
      'cessationOfOperation',
    )
    .action((serial: string | undefined, options: RevokeOptions) =>
      running(async (given: RevokeOptions) => (await load()).caRevokeCommand(serial, given))(options),
    );
  withData(ca.command('issue'))
    .description('a certificate for a gateway')
    .argument('<request>', 'PKCS#10, PEM')
    .requiredOption('--name <name...>', 'host names and addresses of the gateway, the chief one first')
    .option(...OUT)
    .action(runningOn(async (file, options: IssueOptions) => (await load()).caIssueCommand(file, options)));
  withData(ca.command('token'))
    .description('lets a device’s owner ask for one certificate over EST')
    .argument('<device>')
    .option('--valid <time>', 'for how long, at most a day', '1h')
    .action(
      runningOn(async (device, options: ServerOptions & { valid: string }) =>
        (await load()).caTokenCommand(device, options),
      ),
    );
}

const CA_HELP = `
A device has a certificate for a day, and gets the next one only while its decision lets it in. How gateways and laptops
use them, and how to restore an authority: docs/certificates.md.

Examples:
  drawbridge-server ca init --offline-root /media/stick/drawbridge-root
  drawbridge-server ca status
  drawbridge-server ca issue lns-1.csr --name vpn.example.org --name 198.51.100.1 --out lns-1.pem
  drawbridge-server ca list --device ID
  drawbridge-server ca revoke --device ID --reason keyCompromise
  drawbridge-server ca intermediate csr --out issuing.csr        renew the issuing authority: the root signs this
  drawbridge-server ca intermediate sign issuing.csr --root /media/stick/drawbridge-root --out issuing.pem
  drawbridge-server ca intermediate import issuing.pem`;
