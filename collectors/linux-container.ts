import { detectVirt } from '../src/base/commands.ts';
import type { Host } from './check.ts';
import { readMounts, type Mount } from './linux-mounts.ts';

/** What a container manager is called, as `systemd-detect-virt --container` would print it. */
const NAME = /^[a-z0-9][a-z0-9-]{0,40}$/;

/** The container that this system runs in (docker, podman, lxc, systemd-nspawn, wsl, …), or null on a machine of its own. */
export async function containerOf(host: Host): Promise<string | null> {
  const found = (await wsl(host)) ?? rootOfImage(await readMounts(host));
  if (found !== null || (await seesEveryProcess(host))) return found;
  return (await systemdsWord(host)) ?? (await markerFile(host)) ?? (await detected(host));
}

/** The kernel's PROC_PID_INIT_INO: the same number on every boot of every Linux since 3.8. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/**
 * In the first PID namespace nothing contains us, whatever marker files say: a virtual machine made from a container
 * image still has its `/.dockerenv`. (`docker run --pid=host` is told by its root file system.)
 */
async function seesEveryProcess(host: Host): Promise<boolean> {
  const namespace = await host.readLink('/proc/self/ns/pid');
  return namespace.ok && namespace.value === FIRST_PID_NAMESPACE;
}

/** systemd as PID 1 of a container notes who started it. */
async function systemdsWord(host: Host): Promise<string | null> {
  const text = await host.readText('/run/systemd/container');
  return text.ok ? named(text.value) : null;
}

const MARKERS = [
  ['/run/.containerenv', 'podman'],
  ['/.dockerenv', 'docker'],
] as const;

async function markerFile(host: Host): Promise<string | null> {
  for (const [path, name] of MARKERS) {
    const marker = await host.readText(path);
    if (marker.ok || marker.error === 'denied') return name;
  }
  return null;
}

/** Microsoft builds its kernel under this name; the machine's disks and updates are those of Windows. */
async function wsl(host: Host): Promise<string | null> {
  const release = await host.readText('/proc/sys/kernel/osrelease');
  return release.ok && /microsoft|\bWSL/i.test(release.value) ? 'wsl' : null;
}

const IMAGE_STORES = [
  ['/docker/', 'docker'],
  ['/containers/storage/', 'podman'],
  ['/containerd/', 'containerd'],
] as const;

/** Kubernetes leaves no marker file, but the root's overlay names the image store. */
function rootOfImage(mounts: readonly Mount[]): string | null {
  const root = mounts.findLast(({ point }) => point === '/');
  if (root?.type !== 'overlay') return null;
  const lower = root.options.find((option) => option.startsWith('lowerdir=')) ?? '';
  return IMAGE_STORES.find(([folder]) => lower.includes(folder))?.[1] ?? null;
}

async function detected(host: Host): Promise<string | null> {
  const variable = await ofFirstProcess(host);
  if (variable !== undefined) return variable;
  const { code, stdout } = await host.run(detectVirt, ['--container']);
  return code === 0 ? named(stdout) : null;
}

/** `container=` in the environment of PID 1: null when it is not set, undefined when it cannot be read. */
async function ofFirstProcess(host: Host): Promise<string | null | undefined> {
  const environment = await host.readText('/proc/1/environ');
  if (!environment.ok || environment.value === '') return undefined;
  const entry = environment.value.split('\0').find((one) => one.startsWith('container='));
  return entry === undefined ? null : named(entry.slice('container='.length));
}

function named(text: string): string | null {
  const name = text.trim().toLowerCase();
  return NAME.test(name) && name !== 'none' ? name : null;
}
