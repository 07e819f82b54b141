// npm run rig -- shell [NODE] | exec NODE COMMAND... : looks around in the rig, or in the one of a running test.
import { createInterface } from 'node:readline';
import { type NodeName, nodeNames, type Rig, runningRig, startRig } from './rig.ts';

const [word = '', name = 'guest', ...command] = process.argv.slice(2);

if (!['shell', 'exec'].includes(word) || (name !== 'guest' && !isNode(name))) {
  process.stderr.write(
    `Usage: npm run rig -- shell [NODE]\n       npm run rig -- exec NODE COMMAND...\nNODE is guest or one of: ${nodeNames.join(', ')}\n`,
  );
  process.exit(2);
}

const running = runningRig();
const rig = running === null ? await fresh() : await running;
const code = word === 'exec' ? await once(rig, command.join(' ')) : await shell(rig);
await rig.stop();
process.exitCode = code;

function isNode(text: string): text is NodeName {
  return (nodeNames as string[]).includes(text);
}

async function fresh(): Promise<Rig> {
  process.stderr.write('Starting the rig …\n');
  const own = await startRig();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void own.stop().finally(() => process.exit(1)));
  await own.reset();
  return own;
}

async function once(on: Rig, line: string): Promise<number> {
  const node = name === 'guest' ? on.guest : on.node(name as NodeName);
  const { code: exit, stdout, stderr } = await node.exec(line, { timeout: 600 });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exit;
}

/** Line by line: each is a bash script of its own. */
async function shell(on: Rig): Promise<number> {
  const input = createInterface({ input: process.stdin, output: process.stdout, prompt: `${name}# ` });
  input.prompt();
  for await (const line of input) {
    if (line.trim() === 'exit') break;
    if (line.trim() !== '')
      await once(on, line).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    input.prompt();
  }
  return 0;
}
