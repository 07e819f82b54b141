import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Output } from '../../collectors/check.ts';
import { parseBootId, parseMachineId } from '../../collectors/agent/windows.ts';
import { parseRegQuery, registryProbes } from '../../collectors/windows-registry.ts';

const KEY = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
const text = [
  '',
  KEY,
  '    CurrentBuild    REG_SZ    26100',
  '    UBR    REG_DWORD    0x122c',
  '    Registered Owner    REG_SZ    ',
  '    PathName    REG_SZ    C:\\Windows    with    spaces',
  '    (Standard)    REG_SZ    x',
  '    Big    REG_QWORD    0x1dbcafe0000',
  '',
  `${KEY}\\Sub`,
  '    UBR    REG_DWORD    0x1',
  '',
].join('\r\n');

describe('reg.exe query', () => {
  test('values with their types, of the key itself only', () => {
    expect(Object.fromEntries(parseRegQuery(text))).toEqual({
      CurrentBuild: '26100',
      UBR: 4652,
      'Registered Owner': '',
      PathName: 'C:\\Windows    with    spaces',
      '(Standard)': 'x',
      Big: 0x1dbcafe0000,
    });
  });

  test('cut off anywhere, a value is missing or cut, never another one’s', () => {
    const whole = parseRegQuery(text);
    fc.assert(
      fc.property(fc.nat(text.length), (length) => {
        for (const name of parseRegQuery(text.slice(0, length)).keys()) expect(whole.has(name)).toBe(true);
      }),
    );
  });

  test.each(['', 'ERREUR : le système n’a pas trouvé la clé', '    UBR    REG_DWORD    0x1'])(
    '%j has none',
    (other) => {
      expect(parseRegQuery(other).size).toBe(0);
    },
  );

  test('random text never throws', () => {
    fc.assert(fc.property(fc.string({ maxLength: 500 }), (other) => void parseRegQuery(other)));
  });
});

describe('probes without PowerShell', () => {
  const found: Output = { stdout: text, stderr: '', code: 0, failure: null };
  const missing: Output = { stdout: '', stderr: 'x', code: 1, failure: null };

  test('a key that cannot be read leaves its probe to the last document', async () => {
    const probes = await registryProbes({
      run: async (_command, argv) => (argv[1]?.includes('NT') === true ? found : missing),
    });
    expect([...probes.keys()]).toEqual(['currentVersion']);
    expect(probes.get('currentVersion')).toMatchObject({
      ok: true,
      data: { CurrentBuild: '26100', UBR: 4652 },
    });
  });
});

describe('ids of the machine', () => {
  test.each([[null], [new Map([['MachineGuid', '']])], [new Map([['MachineGuid', 'not-a-guid']])]])(
    '%j has none',
    (values) => {
      expect(parseMachineId(values)).toBeNull();
      expect(parseBootId(values)).toBeNull();
    },
  );

  test('the id is the same however its letters are written, and is not the id itself', () => {
    const own = parseMachineId(new Map([['MachineGuid', '5f0c9d8e-7b6a-4f3e-9d2c-1b0a99887766']]));
    expect(own).toBe(parseMachineId(new Map([['MachineGuid', '5F0C9D8E-7B6A-4F3E-9D2C-1B0A99887766']])));
    expect(own).not.toContain('5f0c9d8e');
  });
});
