// npm run mdm: what device managements need to know of the agent's settings, made from their schema.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../../src/base/errors.ts';
import { BuildError } from '../build/tools.ts';
import { withTable } from './docs-table.ts';
import { makeMdm } from './make.ts';
import { EXAMPLE, parseValues } from './values.ts';

const root = join(import.meta.dirname, '../..');

const HELP = `
Writes templates for group policy, Intune, Jamf and other device managements, profiles for macOS and a role for
Ansible (docs/mdm.md). Without --values they set an example.

Examples:
  npm run mdm
  npm run mdm -- --values fleet.yaml --team ABCDE12345`;

type Options = { out: string; values?: string; team?: string; docs: boolean };

const program = new Command('npm run mdm --')
  .description('make what device managements need')
  .option('--out <folder>', 'where to', join(root, 'dist/mdm'))
  .option('--values <file>', 'what the fleet is to be set to (YAML, as the agent’s settings)')
  .option('--team <id>', 'the Apple team that signed the agent, ten characters', aTeam)
  .option('--docs', 'only the table in docs/agent.md', false)
  .addHelpText('after', HELP)
  .action((options: Options) => {
    try {
      if (options.docs) refreshTable();
      else make(options);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    }
  });

await program.parseAsync();

function make({ out, values, team }: Options): void {
  const text = values === undefined ? EXAMPLE : textOf(values);
  const made = makeMdm({ out, values: parseValues(text, values ?? 'the example'), team: team ?? null });
  for (const file of made) process.stdout.write(`${relative(process.cwd(), file)}\n`);
  if (team === undefined)
    process.stdout.write('Without --team no profile lets the agent read the whole disk on macOS.\n');
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BuildError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

function refreshTable(): void {
  const file = join(root, 'docs/agent.md');
  writeFileSync(file, withTable(readFileSync(file, 'utf8')));
}

function aTeam(text: string): string {
  if (/^[A-Z0-9]{10}$/.test(text)) return text;
  throw new InvalidArgumentError('It has to be like ABCDE12345.');
}
