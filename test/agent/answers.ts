import type { AgentSelf } from '../../collectors/check.ts';
import type { Recording } from '../../src/agent/replay.ts';
import type { Answer } from '../../src/agent/recorder.ts';

type NewAnswer = Answer extends infer One ? (One extends Answer ? Omit<One, 'checks'> : never) : never;

/** A recording as the list of answers that a capture holds. */
export function answersOf(recording: Recording): Answer[] {
  const answers: NewAnswer[] = [
    ...recording.commands.map((command) => ({ kind: 'command' as const, ...command })),
    ...[...recording.files].map(([path, content]) => ({ kind: 'file' as const, path, content })),
    ...[...recording.dirs].map(([path, names]) => ({ kind: 'folder' as const, path, names })),
    ...[...recording.links].map(([path, target]) => ({ kind: 'link' as const, path, target })),
    ...[...recording.probes].map(([name, answer]) => ({ kind: 'probe' as const, name, answer })),
    ...[...(recording.statuses ?? [])].map(([path, status]) => ({ kind: 'status' as const, path, status })),
    ...(recording.problems ?? []).map((problem) => ({ kind: 'problem' as const, ...problem })),
  ];
  return answers.map((answer) => ({ ...answer, checks: [] })) as Answer[];
}

export const SELF: AgentSelf = {
  version: '1.2.3',
  startedAt: '2026-01-01T00:00:00.000Z',
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};
