import type { Host, Platform } from '../../collectors/check.ts';
import { ioreg, reg } from '../base/commands.ts';
import { hardwareIdOf } from '../wire/hardware.ts';
import { parseSmbios, type Numbers } from './smbios.ts';

/** Where Windows keeps the table that the firmware has handed over. */
const SMBIOS_KEY = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\mssmbios\\Data';

const NOTHING: Numbers = { serial: null, uuid: null };

/** Hashes of the computer's own numbers; those that cannot be read, or are none, are left out. */
export async function readHardwareIds(host: Host, platform: Platform): Promise<string[]> {
  const { serial, uuid } = await READERS[platform](host);
  const ids = [
    serial === null ? null : hardwareIdOf('serial', serial),
    uuid === null ? null : hardwareIdOf('uuid', uuid),
  ];
  return ids.filter((id) => id !== null);
}

const READERS: Record<Platform, (host: Host) => Promise<Numbers>> = {
  async linux(host) {
    // For root alone; on boards without SMBIOS the number stands in the device tree.
    const read = async (path: string) => {
      const text = await host.readText(path);
      return text.ok ? text.value.replaceAll('\0', '') : null;
    };
    return {
      serial:
        (await read('/sys/class/dmi/id/product_serial')) ?? (await read('/proc/device-tree/serial-number')),
      uuid: await read('/sys/class/dmi/id/product_uuid'),
    };
  },
  async macos(host) {
    return parseIoreg((await host.run(ioreg, ['-rd1', '-c', 'IOPlatformExpertDevice'])).stdout);
  },
  async windows(host) {
    const { stdout } = await host.run(reg, ['query', SMBIOS_KEY, '/v', 'SMBiosData', '/reg:64']);
    const hex = /SMBiosData\s+REG_BINARY\s+([0-9A-F]+)/i.exec(stdout)?.[1];
    return hex === undefined ? NOTHING : parseSmbios(Buffer.from(hex, 'hex'));
  },
};

/** `ioreg`'s lines of the form `"IOPlatformUUID" = "…"`. */
export function parseIoreg(text: string): Numbers {
  const value = (name: string) => new RegExp(`"${name}" = "([^"]{1,100})"`).exec(text)?.[1] ?? null;
  return { serial: value('IOPlatformSerialNumber'), uuid: value('IOPlatformUUID') };
}
