// A root of its own over this machine's, booted with systemd on this kernel: services are really managed, nothing stays.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BOOT = `set -e
at=$1
mount -t tmpfs tmpfs "$at"
mkdir -p "$at/up" "$at/wk" "$at/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$at/up,workdir=$at/wk" "$at/root"
cd "$at/root"
mkdir -p .old
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do touch "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mkdir dev/pts dev/shm
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs run -o mode=755
mount -t tmpfs tmpfs tmp -o mode=1777
mount --bind "$2" mnt
pivot_root . .old
umount -l /.old
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
exec env -i container=drawbridge PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --log-target=null --unit=basic.target
`;

export type SystemdRoot = {
  /** Of its first process, as this machine counts. */
  pid: number;
  run(...argv: string[]): { code: number | null; out: string; err: string };
  /** Writes a file in it. */
  put(path: string, content: Buffer): void;
  remove(): void;
};

/** Null where this machine does not let us boot one, after a minute at most. \`/mnt\` in it is \`checkout\`. */
export async function bootSystemd(checkout: string): Promise<SystemdRoot | null> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-root-'));
  const spaces = [
    '--net',
    '--mount',
    '--uts',
    '--ipc',
    '--pid',
    '--cgroup',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
  ];
  const child = spawn('/usr/bin/unshare', [...spaces, '/bin/bash', '-c', BOOT, 'boot', folder, checkout], {
    stdio: 'ignore',
    detached: true,
    cwd: '/',
  });
  const remove = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 120 && child.exitCode === null; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const pid = childOf(child.pid ?? 0);
    if (pid === null) continue;
    const put = (path: string, content: Buffer) =>
      void inside(pid, ['/bin/sh', '-c', 'cat > "$1"', 'sh', path], content);
    const root = { pid, run: (...argv: string[]) => inside(pid, argv), put, remove };
    if (/^(?:running|degraded)/.test(root.run('/usr/bin/systemctl', 'is-system-running').out)) return root;
  }
  remove();
  return null;
}

function inside(pid: number, argv: readonly string[], input: Buffer = Buffer.of()) {
  const enter = ['-t', String(pid), '-n', '-m', '-u', '-i', '-p', '-C', '--', ...argv];
  const done = spawnSync('/usr/bin/nsenter', enter, {
    input,
    encoding: 'utf8',
    timeout: 100_000,
    cwd: '/',
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

function childOf(parent: number): number | null {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1] === String(parent))
        return Number(name);
    } catch {
      // It has ended.
    }
  }
  return null;
}
