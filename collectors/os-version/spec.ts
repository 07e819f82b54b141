import { z } from 'zod';
import { defineCheck } from '../check.ts';

/** Source: os-release(5), CurrentVersion in the registry, `sw_vers`. */
const osVersionFact = () =>
  z.object({
    platform: z.enum(['windows', 'macos', 'linux']),
    /** windows-client, windows-server, macos, or the ID of os-release. */
    family: z.string(),
    name: z.string().nullable(),
    /** `10.0.<build>.<UBR>`, ProductVersion, or VERSION_ID; null where the file has none (rolling releases). */
    version: z.string().nullable(),
    build: z.string().nullable(),
    /** 24H2, Sequoia, PRETTY_NAME. */
    display: z.string().nullable(),
    edition: z.string().nullable(),
    kernel: z.string().nullable(),
    arch: z.string().nullable(),
    /** The date that the system itself states (SUPPORT_END), `YYYY-MM-DD`. */
    endOfSupport: z.string().nullable(),
    /** docker, podman, lxc, … or null. */
    container: z.string().nullable(),
  });

export type OsVersion = z.infer<ReturnType<typeof osVersionFact>>;

export const osVersion = defineCheck({
  id: 'os-version',
  version: 1,
  timeoutMs: 5_000,
  collects:
    'The name, version and end of support of the operating system, to know whether it still gets security updates.',
  fact: osVersionFact,
  reasons: ['os-end-of-life', 'os-too-old', 'os-behind'],
});
