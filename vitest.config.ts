import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      // Rules that hold for the whole tree: who may import what, registries complete, docs agree with code.
      { test: { name: 'rules', include: ['test/*.test.ts'], testTimeout: 30_000 } },
      // Pure functions and single parts, in this process.
      {
        test: {
          name: 'unit',
          include: [
            'test/{base,wire,policy,scan,agent,tray,server,gateway,cli,conformance,packaging}/**/*.test.ts',
            'test/collectors/**/*.test.ts',
          ],
          testTimeout: 30_000,
          // A whole server starts in many of them, which a busy machine delays.
          hookTimeout: 60_000,
          // Many tests wait for a timer or a disk: more of them than cores keep two cores busy.
          maxWorkers: 3,
        },
      },
      // The real thing: processes, sockets, disks, the system's own tools.
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
      // What a person sees: a real panel and notification daemon on a display of its own, a real browser.
      {
        test: {
          name: 'desktop',
          include: ['test/desktop/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          maxWorkers: 1,
        },
      },
      // Packages of this checkout, made, installed and removed for real.
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: 'test/package/setup.ts',
          testTimeout: 120_000,
          hookTimeout: 200_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
      // A real tunnel: gateway and laptops in one virtual machine (docs/rig.md).
      {
        test: {
          name: 'rig',
          include: ['test/rig/**/*.test.ts'],
          globalSetup: 'test/rig/setup.ts',
          setupFiles: 'test/rig/each.ts',
          testTimeout: 180_000,
          hookTimeout: 400_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
    ],
  },
});
