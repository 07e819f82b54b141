// The executable's first module: the command, or the script of ours that it was started for (src/base/exec.ts).
import { wantedScript } from '../../src/base/own-script.ts';

/**
 * Node cuts small buffers out of 64 KiB that live as long as one of them does, and modules keep some for good: of a
 * smaller piece less is kept (0.3 MiB of an agent's).
 */
Buffer.poolSize = 4_096;

if (wantedScript(process.argv) === 'inventory-child.ts') void import('../../src/cli/inventory-child.ts');
else void import('../../src/cli/drawbridge.ts');
