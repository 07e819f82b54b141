// The executable's first module: the command, or the script of ours that it was started for (src/base/exec.ts).
import { wantedScript } from '../../src/base/own-script.ts';

if (wantedScript(process.argv) === 'inventory-child.ts') void import('../../src/cli/inventory-child.ts');
else void import('../../src/cli/drawbridge.ts');
