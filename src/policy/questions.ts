import type { z } from 'zod';
import type { Platform, Questions, TagQuestion, WatchRule } from '../../collectors/check.ts';
import type { tagsSchema, watchSchema } from './questions-schema.ts';

export type Tags = z.infer<typeof tagsSchema>;
export type Watch = z.infer<typeof watchSchema>;

/** What is asked of a device of this platform; of other systems' questions it hears nothing. */
export function questionsFor(policy: { watch: Watch; tags: Tags }, platform: Platform): Questions {
  return { watch: watchRules(policy.watch, platform), tags: tagQuestions(policy.tags, platform) };
}

/** A policy without what it asks of other systems, for a device of this platform. */
export function withOwnQuestions<P extends { watch: Watch; tags: Tags }>(policy: P, platform: Platform): P {
  const none = { windows: [], macos: [], linux: [] };
  const watch = Object.entries(policy.watch).filter(([, rule]) => rule[platform].length > 0);
  const tags = Object.entries(policy.tags).filter(([, one]) => one[platform] !== undefined);
  return {
    ...policy,
    watch: Object.fromEntries(watch.map(([rule, one]) => [rule, { ...none, [platform]: one[platform] }])),
    tags: Object.fromEntries(tags.map(([tag, one]) => [tag, { [platform]: one[platform] }])),
  };
}

function watchRules(watch: Watch, platform: Platform): WatchRule[] {
  return Object.entries(watch).flatMap(([rule, one]) =>
    one[platform].map((executable) => ({ rule, executable })),
  );
}

function tagQuestions(tags: Tags, platform: Platform): Record<string, TagQuestion> {
  const asked = Object.entries(tags).flatMap(([tag, one]) => {
    const question: TagQuestion | undefined = one[platform];
    return question === undefined ? [] : [[tag, question] as const];
  });
  return Object.fromEntries(asked);
}
