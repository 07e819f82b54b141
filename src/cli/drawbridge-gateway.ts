#!/usr/bin/env node
import { Command } from 'commander';
import { messageOf } from '../base/errors.ts';
import { productVersion } from '../base/version.ts';
import { endWithParent } from './attached.ts';
import { EXIT_FAILED, exitAsFailed } from './exit-codes.ts';
import type { GatewayOptions } from './gateway-configuration.ts';
import { complain } from './present.ts';

const program = new Command('drawbridge-gateway')
  .exitOverride(exitAsFailed)
  .version(productVersion(), '-V, --version', 'print the version')
  .description(
    'On the VPN gateway: FreeRADIUS’ configuration for the gate, and the helper that ends and restricts sessions.',
  )
  .addHelpText(
    'after',
    `
Examples:
  drawbridge-gateway render --config /etc/drawbridge/gateway.yaml --out /etc/freeradius/drawbridge
  freeradius -d /etc/freeradius/drawbridge -CX     # FreeRADIUS' own look at it
  drawbridge-gateway audit /etc/freeradius/3.0
  drawbridge-gateway start --config /etc/drawbridge/gateway.yaml
`,
  );

withConfig(program.command('render'))
  .description('write FreeRADIUS’ configuration from the settings file')
  .requiredOption('--out <folder>', 'where to write it')
  .action(
    running(async (options: GatewayOptions & { out: string }) =>
      (await import('./gateway-configuration.ts')).renderCommand(options),
    ),
  );

program
  .command('audit')
  .description('what is wrong with the FreeRADIUS configuration of this gateway')
  .argument('[folder]', 'where radiusd.conf is', '/etc/freeradius/drawbridge')
  .option('--json', 'for programs: JSON instead of a table')
  .action((folder: string, options: { json?: boolean }) =>
    running(async () => (await import('./gateway-audit.ts')).auditCommand(folder, options))(undefined),
  );

withConfig(program.command('start'))
  .description('run the helper that ends sessions and moves them between filters')
  .action(
    running(async (options: GatewayOptions) => (await import('./gateway-start.ts')).startCommand(options)),
  );

process.umask(0o022);
endWithParent();
void program.parseAsync();

function withConfig(command: Command): Command {
  return command
    .option('--config <file>', 'settings file', '/etc/drawbridge/gateway.yaml')
    .option('--json', 'for programs: JSON instead of sentences');
}

function running<O>(action: (options: O) => Promise<number>): (options: O) => Promise<void> {
  return async (options) => {
    try {
      process.exitCode = await action(options);
    } catch (error) {
      complain(messageOf(error));
      process.exitCode = EXIT_FAILED;
    }
  };
}
