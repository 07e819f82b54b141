import { describe, expect, test } from 'vitest';
import { tpmProblem } from '../../src/agent/tpm-tools.ts';
import { parsePublic, parseSignature, pointOf, sharedX } from '../../src/agent/tpm-structures.ts';

// As tpm2-tools 5.4 print them, over swtpm 0.7.1 and a device that is not there.
const refused = (call: string, code: string, sentence: string) =>
  `WARNING:esys:src/tss2-esys/api/${call}.c:311:${call}_Finish() Received TPM Error \n` +
  `ERROR:esys:src/tss2-esys/api/${call}.c:105:${call}() Esys Finish ErrorCode (0x${code.padStart(8, '0')}) \n` +
  `ERROR: ${call}(0x${code.toUpperCase()}) - ${sentence}\nERROR: Unable to run it\n`;
const unreachable = (why: string) =>
  `${why}\nERROR:tcti:src/tss2-tcti/tctildr.c:428:Tss2_TctiLdr_Initialize_Ex() Failed to instantiate TCTI \n` +
  'ERROR: Could not load tcti, got: "device:/dev/tpmrm0"\n';
const device =
  'ERROR:tcti:src/tss2-tcti/tcti-device.c:452:Tss2_Tcti_Device_Init() Failed to open specified TCTI device file /dev/tpmrm0: ';

describe('what the tools say is wrong', () => {
  test.each([
    ['locked-out', refused('Esys_Sign', '921', 'tpm:warn(2.0): the TPM is in DA lockout mode')],
    ['busy', refused('Esys_Create', '902', 'tpm:warn(2.0): out of memory for object contexts')],
    ['busy', refused('Esys_StartAuthSession', '903', 'tpm:warn(2.0): out of memory for session contexts')],
    ['foreign', refused('Esys_Load', '1df', 'tpm:parameter(1):integrity check failed')],
    ['stale', refused('Esys_ContextLoad', '1df', 'tpm:parameter(1):integrity check failed')],
    [
      'owner-password',
      refused('Esys_CreatePrimary', '9a2', 'tpm:session(1):authorization failure without DA implications'),
    ],
    [
      'broken',
      refused(
        'Esys_CreatePrimary',
        '101',
        'tpm:error(2.0): commands not being accepted because of a TPM failure',
      ),
    ],
    ['failed', refused('Esys_Sign', '2c4', 'tpm:parameter(2):value is out of range')],
    ['gone', unreachable(`${device}No such file or directory`)],
    ['denied', unreachable(`${device}Permission denied`)],
    ['busy', unreachable(`${device}Device or resource busy`)],
    ['gone', unreachable('Failed to connect to host 127.0.0.1, port 22999: errno 111: Connection refused')],
    ['failed', ''],
  ])('%s', (problem, stderr) => {
    expect(tpmProblem({ code: 1, failure: null, stderr })).toBe(problem);
    expect(tpmProblem({ code: 0, failure: null, stderr })).toBeNull();
  });

  test.each([
    ['not-found', 'not-installed'],
    ['timeout', 'busy'],
    ['signal', 'failed'],
  ] as const)('nothing, but: %s', (failure, problem) => {
    expect(tpmProblem({ code: null, failure, stderr: '' })).toBe(problem);
  });
});

/** What tpm2_create has written of a signing key. */
const PUBLIC = Buffer.from(
  '00580023000b000404720000001000180' +
    '00b0003001000202aac9b1bd56b4eb7a4d2e21a5b63e1ba2f3bfe9dd0d1d9bb3e2c8b7ba9c1b7a2' +
    '00202fa05777af2f7acf722b71e50179d64e8efbee4d1b67f723d86ce83f7fdfb2b3',
  'hex',
);

describe('structures', () => {
  test('a public key, both coordinates', () => {
    const { x, y, ...rest } = parsePublic(PUBLIC);
    expect(rest).toEqual({ kty: 'EC', crv: 'P-256' });
    expect(Buffer.from(x, 'base64url').toString('hex')).toMatch(/^2aac9b1b/);
    expect(Buffer.from(y, 'base64url').toString('hex')).toMatch(/dfb2b3$/);
    expect(pointOf({ kty: 'EC', crv: 'P-256', x, y }).toString('hex')).toBe(
      `0044${PUBLIC.subarray(-68).toString('hex')}`,
    );
  });

  test('a key that could leave its chip, or is none, is refused', () => {
    const loose = Buffer.from(PUBLIC);
    loose.writeUInt32BE(0x00040470, 6);
    const rsa = Buffer.from(PUBLIC);
    rsa.writeUInt16BE(1, 2);
    for (const bytes of [loose, rsa, PUBLIC.subarray(0, 40), PUBLIC.subarray(0, -1), Buffer.alloc(0)])
      expect(() => parsePublic(bytes)).toThrow(/bound to a TPM/);
  });

  test('a signature is padded to 64 bytes, and nothing else is taken for one', () => {
    const short = Buffer.from(`0018000b${'001f'}${'11'.repeat(31)}0020${'22'.repeat(32)}`, 'hex');
    expect(Buffer.from(parseSignature(short)).toString('hex')).toBe(`00${'11'.repeat(31)}${'22'.repeat(32)}`);
    for (const hex of [
      '',
      '0018000b',
      `0014000b0020${'11'.repeat(32)}`,
      `0018000b0021${'11'.repeat(33)}0001ff`,
    ])
      expect(() => parseSignature(Buffer.from(hex, 'hex'))).toThrow(/TPM/);
  });

  test('a shared point gives its x', () => {
    const shared = Buffer.from(`00440020${'33'.repeat(32)}0020${'44'.repeat(32)}`, 'hex');
    expect(Buffer.from(sharedX(shared)).toString('hex')).toBe('33'.repeat(32));
  });
});
