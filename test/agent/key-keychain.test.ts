// Against a hand-made security(1): no Mac is here.
import { expect, test } from 'vitest';
import { createKeychain, openKeychain } from '../../src/agent/key-keychain.ts';
import type { run } from '../../src/base/exec.ts';

type Asked = { argv: readonly string[]; stdin: string };

function machine({ keeps = true } = {}) {
  const items = new Map<string, string>();
  const asked: Asked[] = [];
  const answer = (code: number, stdout = '', stderr = '') => ({ code, stdout, stderr, failure: null });
  const ask: typeof run = async (_command, argv, { stdin = '' } = {}) => {
    asked.push({ argv, stdin });
    if (argv[0] === '-i') {
      const [verb, update, , account, , service, , secret, keychain, ...rest] = stdin.trimEnd().split(' ');
      expect([verb, update, service, keychain, rest]).toEqual([
        'add-generic-password',
        '-U',
        'drawbridge-keys',
        '/Library/Keychains/System.keychain',
        [],
      ]);
      if (keeps) items.set(account ?? '', secret ?? '');
      return answer(0);
    }
    const found = items.get(argv[2] ?? '');
    return found === undefined
      ? answer(
          44,
          '',
          'security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.',
        )
      : answer(0, `${found}\n`);
  };
  return { ask, asked, items };
}

const ACCOUNT = 'agent /Library/Application Support/Drawbridge/state/keys.json';

test('keys are kept and found again, each state folder’s apart, and none is ever an argument', async () => {
  const { ask, asked, items } = machine();
  const made = await createKeychain(ACCOUNT, ask);
  expect(made.protection).toBe('os-keystore');
  const opened = await openKeychain(ACCOUNT, ask);
  expect(await opened?.publicJwks()).toEqual(await made.publicJwks());
  expect((await opened?.sign(new Uint8Array(4)))?.length).toBe(64);
  expect(await openKeychain('agent /elsewhere', ask)).toBeNull();
  const [secret = ''] = items.values();
  expect(secret.length).toBeGreaterThan(200);
  for (const { argv } of asked) expect(argv.join(' ')).not.toContain(secret);
});

test('a keychain that says yes and keeps nothing is found out', async () => {
  await expect(createKeychain(ACCOUNT, machine({ keeps: false }).ask)).rejects.toThrow('keyStore: file');
});

test('what lies there and is no key, and one that may not be read, are told', async () => {
  const { ask, items } = machine();
  await createKeychain(ACCOUNT, ask);
  for (const name of items.keys()) items.set(name, 'zz');
  await expect(openKeychain(ACCOUNT, ask)).rejects.toThrow('does not give the keys');
  const denied: typeof run = async () => ({
    code: 51,
    stdout: '',
    stderr: 'security: write permissions error',
    failure: null,
  });
  await expect(openKeychain(ACCOUNT, denied)).rejects.toThrow('write permissions error');
});
