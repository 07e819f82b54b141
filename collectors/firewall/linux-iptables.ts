import {
  namesInterface,
  type Chain,
  type Family,
  type Packet,
  type Rule,
  type Verdict,
} from './linux-packet.ts';

type Condition = (packet: Packet) => boolean;

/** Rules in iptables' own notation, with the interfaces that they name. */
export type SavedRules = { chains: Chain[]; interfaces: string[] };

const MAX_LINES = 100_000;
const MAX_LINE = 4_096;

/**
 * The filter table as `iptables-save`, `iptables-legacy-save` and their IPv6 twins print it. Null when there is no
 * complete filter table in the text: a cut-off answer may lack the rule that lets everything in.
 */
export function parseIptablesSave(text: string, family: Family, table: string): SavedRules | null {
  const lines = text.split('\n', MAX_LINES).map((line) => line.slice(0, MAX_LINE).trim());
  const start = lines.indexOf('*filter');
  const end = lines.indexOf('COMMIT', start);
  if (start < 0 || end < 0) return null;
  const body = lines.slice(start + 1, end);
  const interfaces = new Set<string>();
  const rules = new Map<string, Rule[]>();
  for (const line of body.filter((line) => line.startsWith('-A '))) {
    const [, chain = '', ...words] = splitWords(line);
    const options = optionsOf(words);
    rules.set(chain, [...(rules.get(chain) ?? []), ruleOf(options)]);
    for (const { values } of options.filter(({ name }) => name === '-i'))
      interfaces.add(wildcard(values[0] ?? ''));
  }
  const chains = body
    .filter((line) => line.startsWith(':'))
    .map((line) => chainOf(line, family, table, rules));
  return { chains, interfaces: [...interfaces] };
}

/** `:INPUT DROP [0:0]`; a chain of the administrator's own has `-` for its policy. */
function chainOf(line: string, family: Family, table: string, rules: Map<string, Rule[]>): Chain {
  const [name = '', policy] = line.slice(1).split(' ');
  return {
    table,
    name,
    families: [family],
    hook: name === 'INPUT' ? 'input' : null,
    policy: policy === 'DROP' ? 'drop' : 'accept',
    rules: rules.get(name) ?? [],
  };
}

/** Comments and log prefixes stand in double quotes. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/"(?:[^"\\]|\\.)*"|\S+/g)].map(([word]) => word);
}

type Option = { name: string; values: string[]; negated: boolean };

/** Options with the words that follow each; `!` stands before the option that it negates. */
function optionsOf(words: readonly string[]): Option[] {
  const options: Option[] = [];
  let negated = false;
  for (const word of words) {
    if (word === '!') negated = true;
    else if (word.startsWith('-')) {
      options.push({ name: word, values: [], negated });
      negated = false;
    } else options.at(-1)?.values.push(word);
  }
  return options;
}

function ruleOf(options: readonly Option[]): Rule {
  const target = options.findIndex(({ name }) => name === '-j' || name === '-g');
  const { name = '', values = [] } = options[target] ?? {};
  const verdict = verdictOf(name, values[0] ?? '');
  // What follows the target belongs to it (`--reject-with`).
  const conditions = options
    .slice(0, target < 0 ? options.length : target)
    .map(conditionOf)
    .filter((condition) => condition !== null);
  return (packet) => (conditions.every((holds) => holds(packet)) ? verdict : null);
}

const VERDICTS: Record<string, Verdict> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'drop',
  RETURN: 'return',
  // Left to a program that we know nothing of.
  NFQUEUE: 'accept',
  QUEUE: 'accept',
};

/** Targets that mark, count or log and let the packet go on to the next rule. */
const GOES_ON =
  /^(LOG|NFLOG|ULOG|MARK|CONNMARK|CLASSIFY|SET|TRACE|TCPMSS|DSCP|TOS|AUDIT|CT|NOTRACK|SECMARK|CONNSECMARK|CHECKSUM|TEE)$/;

function verdictOf(option: string, target: string): Verdict | null {
  if (Object.hasOwn(VERDICTS, target)) return VERDICTS[target] ?? null;
  if (GOES_ON.test(target)) return null;
  return option === '-g' ? { goto: target } : { jump: target };
}

/** Null for what narrows nothing (`-m`, a comment). */
function conditionOf({ name, values, negated }: Option): Condition | null {
  if (name === '-m' || name === '--comment') return null;
  if (negated && OUTSIDE.has(name)) return () => true;
  const holds = plainCondition(name, values);
  // What we do not know names something special: neither it nor its opposite is sure to hold for any packet.
  if (holds === null) return () => false;
  return negated ? (packet) => !holds(packet) : holds;
}

/** A packet from anywhere to any port is outside every particular source or port. */
const OUTSIDE = new Set(['-s', '--dport', '--sport', '--dports', '--sports']);

function plainCondition(name: string, [value = '', second = '']: readonly string[]): Condition | null {
  switch (name) {
    case '-i':
      return (packet) => namesInterface(wildcard(value), packet.interface);
    case '-p':
      return (packet) => value === 'all' || value === packet.protocol;
    case '--ctstate':
    case '--state':
      return () => value.split(',').includes('NEW');
    case '--dst-type':
      return () => value.split(',').includes('LOCAL');
    case '--tcp-flags':
      return (packet) => packet.protocol === 'tcp' && value.includes('SYN') && second === 'SYN';
    case '--dport':
    case '--sport':
      return () => /^[01]?:65535$/.test(value);
    default:
      return null;
  }
}

function wildcard(name: string): string {
  return name.replace(/\+$/, '*');
}
