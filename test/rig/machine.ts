import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { characterDevice, cpio, directory, type Entry, program } from './cpio.ts';
import { dependenciesImage, guestRoot, sourcesImage, umlRoot } from './root.ts';

/** How a guest is started: by which program, and over which of its descriptors 0 and 1 it is spoken to. */
export type Machine = { name: 'qemu' | 'uml'; argv: string[] };

const QEMU = '/usr/bin/qemu-system-x86_64';
const CONSOLE = 'console=ttyS0 quiet loglevel=1 mitigations=off tsc=reliable panic=-1 random.trust_cpu=on';
/**
 * Programs always at the same addresses: the emulator finds what it has translated by address. With others at each start
 * it translates every program anew, and forgets all of it when its gigabyte is full, every twenty seconds.
 */
const EMULATED = 'norandmaps';
/**
 * Without protection keys: V8 switches them around every piece of code that it makes, and each switch makes the
 * emulator forget all it knows of memory. Without five-level page tables, which cost and give nothing here.
 */
const CPU = 'max,-la57,-pku';
const HARDWARE = [
  '-machine q35 -m 3072 -smp 2 -nodefaults -no-user-config -display none -no-reboot',
  '-chardev stdio,id=channel,signal=off -device virtio-serial-pci',
  '-device virtserialport,chardev=channel,name=rig',
].flatMap((line) => line.split(' '));
const UML = 'mem=1536M rootfstype=hostfs root=/dev/root ro quiet loglevel=1 noreboot con=null con0=fd:0,fd:1';

/**
 * QEMU where it is installed, else user-mode-linux; `DRAWBRIDGE_RIG=uml` asks for the latter, in which there are nodes and wires
 * but no tunnels: its kernel has no nftables for IP.
 * `folder` holds `share/`, and receives the kernel's own words in `console.log`.
 */
export function machine(folder: string): Machine {
  if (process.env.DRAWBRIDGE_RIG === 'uml' || !existsSync(QEMU)) return uml(folder);
  const root = guestRoot();
  const initrd = join(folder, 'initrd');
  writeFileSync(initrd, initialDisk(root.busybox, root.bootModules));
  return {
    name: 'qemu',
    argv: [
      QEMU,
      ...accelerator(),
      ...HARDWARE,
      '-serial',
      `file:${join(folder, 'console.log')}`,
      '-kernel',
      root.kernel,
      '-initrd',
      initrd,
      '-append',
      `${CONSOLE} ${EMULATED}`,
      ...shared('share', join(folder, 'share')),
      ...disk('root', root.image, true),
      ...disk('dependencies', dependenciesImage(), true),
      ...disk('sources', sourcesImage(), true),
      ...disk('data', join(folder, 'disk.img'), false),
    ],
  };
}

/**
 * Hardware help where it is real. A `/dev/kvm` that belongs to `kvm_pvm` runs only kernels made for it, and a stock
 * kernel hangs there without a word.
 */
function accelerator(): string[] {
  const emulated = ['-accel', 'tcg,thread=multi', '-cpu', CPU];
  if (existsSync('/sys/module/kvm_pvm')) return emulated;
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return emulated;
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return emulated;
  }
  return ['-accel', 'kvm', ...emulated];
}

function shared(tag: string, path: string): string[] {
  const device = `local,id=${tag},path=${path},security_model=none,multidevs=remap`;
  return ['-fsdev', device, '-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`];
}

/** For what is written: a flush of the guest is a flush of the file. */
function disk(id: string, path: string, readonly: boolean): string[] {
  const drive = `file=${path},format=raw,if=none,id=${id},cache=writeback${readonly ? ',readonly=on' : ''}`;
  return ['-drive', drive, '-device', `virtio-blk-pci,drive=${id}`];
}

function initialDisk(busybox: string, modules: readonly string[]): Buffer {
  const folders = ['bin', 'm', 'proc', 'sys', 'mnt', 'dev', 'new'];
  const entries: Entry[] = folders.map((path) => ({ path, mode: directory }));
  entries.push({ path: 'dev/console', mode: characterDevice, device: [5, 1] });
  entries.push({ path: 'bin/busybox', mode: program, data: readFileSync(busybox) });
  entries.push({
    path: 'init',
    mode: program,
    data: readFileSync(join(import.meta.dirname, 'guest/init-qemu')),
  });
  modules.forEach((file, at) =>
    entries.push({ path: `m/${at + 10}-${basename(file)}`, mode: 0o100644, data: readFileSync(file) }),
  );
  return cpio(entries);
}

function uml(folder: string): Machine {
  const { program: linux, modules } = umlRoot();
  const root = guestRoot();
  return {
    name: 'uml',
    argv: [
      linux,
      ...UML.split(' '),
      `uml_dir=${folder}/`,
      'umid=rig',
      `init=${join(import.meta.dirname, 'guest/init-uml')}`,
      `ubd0r=${root.image}`,
      `ubd1r=${dependenciesImage()}`,
      `ubd2r=${sourcesImage()}`,
      `ubd3=${join(folder, 'disk.img')}`,
      `MODULES=${modules}`,
      `SHARE=${join(folder, 'share')}`,
    ],
  };
}
