import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseIoreg, readHardwareIds } from '../../src/agent/hardware.ts';
import { parseSmbios } from '../../src/agent/smbios.ts';
import { hardwareIdOf } from '../../src/wire/hardware.ts';
import { emptyHost } from './machine.ts';
import type { Host } from '../../collectors/check.ts';
import { ok } from '../../src/base/result.ts';

/** A structure of DSP0134: type, formatted part, strings. */
function structure(type: number, formatted: Buffer, strings: string[]): Buffer {
  const head = Buffer.from([type, 4 + formatted.length, 0, 1]);
  const text = strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`;
  return Buffer.concat([head, formatted, Buffer.from(text, 'latin1')]);
}

const UUID_BYTES = Buffer.from('33221100554477668899aabbccddeeff', 'hex');
const UUID = '00112233-4455-6677-8899-AABBCCDDEEFF';
const bios = structure(0, Buffer.from([1, 2, 0, 0xe0, 3]), ['LENOVO', 'N3AET', '11/20/2026']);
const system = structure(1, Buffer.concat([Buffer.from([1, 2, 3, 4]), UUID_BYTES]), [
  'LENOVO',
  '21CB',
  'ThinkPad',
  'PF3ABC01',
]);
const end = structure(127, Buffer.alloc(0), []);
const table = Buffer.concat([bios, system, end]);

function windowsTable(): Buffer {
  const header = Buffer.from([0, 3, 4, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(table.length, 4);
  return Buffer.concat([header, table]);
}

describe('SMBIOS', () => {
  test('gives serial number and UUID, from Linux’ table and from Windows’', () => {
    expect(parseSmbios(table)).toEqual({ serial: 'PF3ABC01', uuid: UUID });
    expect(parseSmbios(windowsTable())).toEqual({ serial: 'PF3ABC01', uuid: UUID });
  });

  test('that is cut off anywhere gives no other number, and never throws', () => {
    for (let length = 0; length < table.length; length += 1) {
      const { serial, uuid } = parseSmbios(table.subarray(0, length));
      expect([null, 'PF3ABC01']).toContain(serial);
      expect([null, UUID]).toContain(uuid);
    }
    const nothing = structure(1, Buffer.from([0, 0, 0, 0]), []);
    expect(parseSmbios(nothing)).toEqual({ serial: null, uuid: null });
    expect(parseSmbios(Buffer.from([1, 0, 0, 0, 0, 0]))).toEqual({ serial: null, uuid: null });
  });
});

test('each system is asked in its own way, and all name the same number alike', async () => {
  const serial = hardwareIdOf('serial', 'PF3ABC01');
  const uuid = hardwareIdOf('uuid', UUID);
  const files: Record<string, string> = {
    '/sys/class/dmi/id/product_serial': 'PF3ABC01\n',
    '/sys/class/dmi/id/product_uuid': `${UUID.toLowerCase()}\n`,
  };
  const answering = (change: Partial<Host>): Host => ({ ...emptyHost(), ...change });
  const linux = answering({
    readText: async (path) => (path in files ? ok(files[path] ?? '') : emptyHost().readText(path)),
  });
  expect(await readHardwareIds(linux, 'linux')).toEqual([serial, uuid]);
  const said = (stdout: string) =>
    answering({ run: async () => ({ stdout, stderr: '', code: 0, failure: null }) });
  const reg = `\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\...\\Data\r\n    SMBiosData    REG_BINARY    ${windowsTable().toString('hex').toUpperCase()}\r\n`;
  expect(await readHardwareIds(said(reg), 'windows')).toEqual([serial, uuid]);
  const mac = await readFile(join(import.meta.dirname, '../fixtures/agent/macos/ioreg.txt'), 'utf8');
  expect(parseIoreg(mac).uuid).toMatch(/^[0-9A-F-]{36}$/);
  expect(await readHardwareIds(emptyHost(), 'linux')).toEqual([]);
  expect(await readHardwareIds(said(''), 'windows')).toEqual([]);
});
