#!/usr/bin/env node
import { Command } from 'commander';
import { complain } from './present.ts';
import type { InitOptions } from './server-start.ts';
import type { ServerOptions } from './server-settings.ts';

/** Exit code of every command that could not do what it was asked. */
const EXIT_FAILED = 4;

const program = new Command('drawbridge-server');
running(
  program.command('init').option('--data <folder>').option('--name <name...>', '', []).option('--port <n>', '', Number).option('--host <h>').option('--json'),
  async (options: InitOptions) => (await import('./server-start.ts')).initCommand(options),
);
running(program.command('start').option('--data <folder>').option('--config <file>').option('--json'), async (options: ServerOptions) =>
  (await import('./server-start.ts')).startCommand(options),
);
const token = program.command('token');
running(token.command('create').option('--data <folder>').option('--json'), async (options: ServerOptions) =>
  (await import('./server-tokens.ts')).createCommand(options),
);

// What the server writes is for its own user alone.
process.umask(0o077);
await program.parseAsync();

function running<O>(command: Command, action: (options: O) => Promise<number>): void {
  command.action(async (options: O) => {
    try {
      process.exitCode = await action(options);
    } catch (error) {
      complain(error instanceof Error ? error.message : String(error));
      process.exitCode = EXIT_FAILED;
    }
  });
}
