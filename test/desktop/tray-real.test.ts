import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INKS } from '../../src/tray/icon.ts';
import type { Colour } from '../../src/wire/tray.ts';
import { Desktop, desktopPrograms, findColour, type Point } from '../support/desktop.ts';
import { canIsolate } from '../support/namespaces.ts';
import { startTrayStack, type TrayStack } from '../support/tray-stack.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
const output = join(root, 'test-output', 'desktop');
const missing = desktopPrograms.filter((file) => !existsSync(file));
if (missing.length > 0) process.stderr.write(`tray-real.test.ts: not installed: ${missing.join(', ')}\n`);

describe.runIf(missing.length === 0 && canIsolate())(
  'tray, agent and server (needs root, nftables, Xfce)',
  () => {
    const desktop = new Desktop();
    let stack: TrayStack;

    beforeAll(async () => {
      mkdirSync(output, { recursive: true });
      stack = await startTrayStack();
      await desktop.open();
      const program = join(root, 'src/cli/drawbridge.ts');
      desktop.start('tray', process.execPath, [program, 'tray', '--folder', stack.folder]);
    }, 120_000);

    afterAll(async () => {
      await desktop.close();
      await stack.close();
    });

    const shows = (colour: Colour): Promise<Point> =>
      waitFor(`a ${colour} icon`, () => findColour(desktop.look(), INKS[colour].fill), 60);

    test('a firewall that is off pauses access; turned on and checked again, all is green', async () => {
      await shows('red');
      const note = await waitFor('the notification', () => desktop.windows('notifyd')[0]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      desktop.keep(join(output, 'real-paused.png'), note);
      stack.turnFirewall('on');
      // "I did this: check again", its second and last button.
      desktop.click({ x: note.x + note.width - 60, y: note.y + note.height - 30 });
      expect(await shows('green')).not.toBeNull();
      stack.turnFirewall('off');
    });

    test('an agent that restarts is grey for as long, and found again', async () => {
      await stack.stopAgent();
      await shows('grey');
      expect(findColour(desktop.look(), INKS.green.fill)).toBeNull();
      await stack.restartAgent();
      expect(await shows('red')).not.toBeNull();
    });
  },
);
