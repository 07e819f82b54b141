import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { foreignHand } from '../../src/agent/trusted-path.ts';
import { prepareStateFolder } from '../../src/agent/state-folder.ts';
import { temporaryFolder } from './harness.ts';

const isRoot = process.getuid?.() === 0;

describe('a path of a service', () => {
  test('of root alone is fine, and so is one that is not there yet', async () => {
    const folder = await temporaryFolder();
    expect(await foreignHand(folder)).toBeNull();
    expect(await foreignHand(join(folder, 'a', 'b'))).toBeNull();
  });

  test('below a folder into which others write is not', async () => {
    const folder = await temporaryFolder();
    const inner = join(folder, 'state');
    await mkdir(inner);
    await chmod(folder, 0o777);
    expect(await foreignHand(inner)).toBe(`Others can write to ${folder}: chmod go-w ${folder}`);
    await chmod(folder, 0o1777);
    expect(await foreignHand(inner)).toBeNull();
  });

  test('that leads through a link is looked at where it leads to', async () => {
    const folder = await temporaryFolder();
    const real = join(folder, 'real');
    await mkdir(join(real, 'state'), { recursive: true });
    await symlink(real, join(folder, 'link'));
    expect(await foreignHand(join(folder, 'link', 'state'))).toBeNull();
    await chmod(real, 0o775);
    expect(await foreignHand(join(folder, 'link', 'state'))).toContain(`Others can write to ${real}`);
  });

  test.runIf(isRoot)('of somebody else is not', async () => {
    const file = join(await temporaryFolder(), 'agent.yaml');
    await writeFile(file, '');
    await chown(file, 1_234, 0);
    expect(await foreignHand(file)).toContain('belongs to user id 1234');
  });
});

test('an installed service does not follow a link to its state', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'state'));
  await expect(prepareStateFolder(join(folder, 'state'), true)).rejects.toThrow('is a link');
  await expect(prepareStateFolder(join(folder, 'state'), false)).resolves.toBeUndefined();
  await expect(prepareStateFolder(join(folder, 'real'), true)).resolves.toBeUndefined();
});
