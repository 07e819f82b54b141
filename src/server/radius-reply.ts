import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Access } from '../wire/decision.ts';
import { MAX_BYTES } from './radius-dictionary.ts';
import type { Template } from './radius-settings.ts';

/** What the gateway is told. */
export type GateAnswer = {
  access: Access;
  /** Stands for `{sentence}` in a template; null: whoever would show it, shows nothing. */
  message: string | null;
  template: Exclude<Template, 'deny'>;
  /** The Class attribute, which comes back in every accounting record of the session; null with a deny. */
  correlation: string | null;
};

const value = z.union([z.string(), z.number()]);
const attributeSchema = z.object({
  op: z.literal(':='),
  do_xlat: z.literal(false).optional(),
  value: z.array(value),
});

/** An answer as it is written: a list and name of FreeRADIUS, such as `reply:Filter-Id`, with its values. */
export const radiusAnswer = z.record(z.string(), attributeSchema);

type Value = z.infer<typeof value>;
type Attribute = z.infer<typeof attributeSchema>;

/**
 * The answer in the form that FreeRADIUS' rlm_rest reads. `do_xlat: false` stands on every string: without it,
 * FreeRADIUS would expand a `%{…}` inside, and much of this text is the client's own. `msChap`: whether the login is
 * one that understands MS-CHAP's own error.
 */
export function radiusReply(
  { access, message, template, correlation }: GateAnswer,
  msChap = false,
): Record<string, Attribute> {
  const attributes = Object.entries(template).flatMap(([name, values]) => {
    const all = (Array.isArray(values) ? values : [values]).map((value) => filled(value, message));
    const given = all.filter((value) => value !== null);
    if (given.length === 0 || (name === 'MS-CHAP-Error' && !msChap)) return [];
    return [[`reply:${name}`, attribute(name === 'MS-CHAP-Error' ? given.map(msChapError) : given)]];
  });
  return {
    'control:Tmp-String-0': attribute([access]),
    ...(Object.fromEntries(attributes) as Record<string, Attribute>),
    ...(correlation !== null && { 'reply:Class': attribute([correlation]) }),
  };
}

function attribute(values: Value[]): Attribute {
  if (values.every((value) => typeof value === 'number')) return { op: ':=', value: values };
  return {
    op: ':=',
    do_xlat: false,
    value: values.map((value) => (typeof value === 'number' ? value : literal(fit(value, MAX_BYTES)))),
  };
}

/** FreeRADIUS reads `\n`, `\"` and `\001` in a value as one character each, after JSON has been read. */
function literal(text: string): string {
  return text.replaceAll('\\', '\\\\');
}

const SENTENCE = '{sentence}';

/** Null where the template asks for a sentence and there is none. */
function filled(value: Value, message: string | null): Value | null {
  if (typeof value === 'number' || !value.includes(SENTENCE)) return value;
  return message === null ? null : value.split(SENTENCE).join(message);
}

/** Account may not dial in; R=0: the same password again would not help. */
const NO_DIAL_IN = 'E=649 R=0';

/** RFC 2759 §6: what Windows shows of a refusal is the text after M=. */
function msChapError(value: Value): string {
  const head = `${NO_DIAL_IN} C=${randomBytes(16).toString('hex').toUpperCase()} V=3 M=`;
  // FreeRADIUS puts the identifier, one byte, in front.
  return head + fit(String(value), MAX_BYTES - 1 - head.length);
}

/** One line, without control characters, cut between characters so that it fits. */
function fit(value: string, maxBytes: number): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const clean = value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  if (Buffer.byteLength(clean) <= maxBytes) return clean;
  let cut = '';
  for (const character of clean) {
    if (Buffer.byteLength(cut + character) > maxBytes - 3) break;
    cut += character;
  }
  return `${cut}…`;
}
