import type { ConfItem } from './conf-text.ts';

/** Something that is wrong, or could be; `where` is `file:line` or empty, `todo` says what to do. */
export type Finding = { level: 'fail' | 'warn'; where: string; found: string; todo: string };

type Rule = (items: readonly ConfItem[]) => Finding[];

/** What is wrong with a configuration of FreeRADIUS that is to be a gate. Pure. */
export function auditConf(items: readonly ConfItem[]): Finding[] {
  return RULES.flatMap((rule) => rule(items));
}

const RULES: readonly Rule[] = [
  gateIsAsked,
  rejectKeepsWords,
  gateIsLast,
  accountingIsTold,
  nobodyIsAskedBeforePassword,
  noConnectUri,
  noPasswordInBody,
  certificatesAreChecked,
  connectionsAreSecret,
  clientSecretsAreGood,
  clientsSign,
  coaNeedsSignature,
];

const here = ({ file, line }: ConfItem) => `${file}:${line}`;
const within = ({ path }: ConfItem, name: RegExp) => path.some((section) => name.test(section));
/** Directly in a section such as post-auth of some server. */
const directlyIn = (item: ConfItem, section: string) =>
  /^server\b/.test(item.path[0] ?? '') && item.path.length === 2 && item.path[1] === section;
const calls = (items: readonly ConfItem[], name: string) =>
  items.filter((item) => item.key === name && item.value === null && /^server\b/.test(item.path[0] ?? ''));

function gateIsAsked(items: readonly ConfItem[]): Finding[] {
  if (calls(items, 'drawbridge_post_auth').some((item) => item.path.includes('post-auth'))) return [];
  const todo = 'Add drawbridge_post_auth as the last line of post-auth in the virtual server of the VPN.';
  return [{ level: 'fail', where: '', found: 'No virtual server asks the gate: everybody is let in.', todo }];
}

function rejectKeepsWords(items: readonly ConfItem[]): Finding[] {
  const gates = calls(items, 'drawbridge_post_auth').filter((item) => directlyIn(item, 'post-auth'));
  return gates
    .filter(
      (gate) =>
        !calls(items, 'drawbridge_post_auth_reject').some(
          (item) => item.path[0] === gate.path[0] && within(item, /^Post-Auth-Type REJECT$/i),
        ),
    )
    .map((gate) => ({
      level: 'fail',
      where: here(gate),
      found: `${gate.path[0]} rejects without drawbridge_post_auth_reject: what was meant for a session stays in the answer.`,
      todo: 'Write Post-Auth-Type REJECT { drawbridge_post_auth_reject } into post-auth.',
    }));
}

function gateIsLast(items: readonly ConfItem[]): Finding[] {
  const gates = calls(items, 'drawbridge_post_auth').filter((item) => directlyIn(item, 'post-auth'));
  return gates.flatMap((gate) => {
    const section = items.filter((item) => item.path[0] === gate.path[0] && directlyIn(item, 'post-auth'));
    const after = section.slice(section.indexOf(gate) + 1).filter(({ value }) => value === null);
    return after.map((item) => ({
      level: 'warn' as const,
      where: here(item),
      found: `${item.key} comes after the gate and can change its answer.`,
      todo: 'Move it above drawbridge_post_auth.',
    }));
  });
}

function accountingIsTold(items: readonly ConfItem[]): Finding[] {
  if (calls(items, 'drawbridge_accounting').length > 0) return [];
  const found = 'Accounting does not reach the posture server: it will not know when sessions end.';
  return [
    { level: 'warn', where: '', found, todo: 'Add drawbridge_accounting as the last line of accounting.' },
  ];
}

function nobodyIsAskedBeforePassword(items: readonly ConfItem[]): Finding[] {
  return items
    .filter(
      (item) => directlyIn(item, 'authorize') && /^drawbridge(\d+|_post_auth|_ask_post_auth)$/.test(item.key),
    )
    .map((item) => ({
      level: 'fail',
      where: here(item),
      found:
        'The posture server is asked before the password is checked: whoever guesses learns of a laptop’s state.',
      todo: 'Move it to post-auth.',
    }));
}

function noConnectUri(items: readonly ConfItem[]): Finding[] {
  return items
    .filter((item) => item.key === 'connect_uri' && within(item, /^rest\b/))
    .map((item) => ({
      level: 'fail',
      where: here(item),
      found: 'connect_uri makes a short outage last for retry_delay (30 s) more.',
      todo: 'Name it base_uri and use ${..base_uri}.',
    }));
}

const PASSWORD = /%\{(User-Password|CHAP-Password|MS-CHAP2?-Response)/;

/** Without `data`, rlm_rest sends every attribute of the request. */
function noPasswordInBody(items: readonly ConfItem[]): Finding[] {
  const sections = items.filter((item) => item.key === 'uri' && within(item, /^rest\b/) && isLogin(item));
  return sections.flatMap((uri) => {
    const data = items.find((item) => item.key === 'data' && samePath(item, uri));
    if (data !== undefined && !PASSWORD.test(data.value ?? '')) return [];
    const found = 'Passwords of PAP logins are sent to the posture server.';
    const todo = 'Use mods-available/drawbridge, whose `data` names what is sent.';
    return [{ level: 'fail' as const, where: here(data ?? uri), found, todo }];
  });
}

const isLogin = ({ path }: ConfItem) =>
  ['authorize', 'authenticate', 'post-auth'].includes(path.at(-1) ?? '');
const samePath = (a: ConfItem, b: ConfItem) => a.path.join('\n') === b.path.join('\n');

function certificatesAreChecked(items: readonly ConfItem[]): Finding[] {
  return items
    .filter(
      ({ key, value, path }) =>
        /^check_cert(_cn)?$/.test(key) && value === 'no' && path.some((section) => /^rest\b/.test(section)),
    )
    .map((item) => ({
      level: 'fail',
      where: here(item),
      found: `${item.key} = no: anybody on the way can let everybody in.`,
      todo: 'Set it to yes, with ca_info_file.',
    }));
}

function connectionsAreSecret(items: readonly ConfItem[]): Finding[] {
  return items
    .filter(
      ({ key, value, path }) =>
        /^(base_uri|uri|connect_uri)$/.test(key) &&
        path.some((section) => /^rest\b/.test(section)) &&
        /^http:\/\/(?!127\.0\.0\.1[:/]|localhost[:/]|\[::1\])/.test(value ?? ''),
    )
    .map((item) => ({
      level: 'fail',
      where: here(item),
      found: 'The credential and every answer travel in clear.',
      todo: 'Use https.',
    }));
}

type Client = { name: string; items: ConfItem[] };

function clientsOf(items: readonly ConfItem[]): Client[] {
  const inside = items.filter(({ path }) => /^client\b/.test(path.at(-1) ?? ''));
  const groups = Map.groupBy(inside, ({ path }) => path.join('\n'));
  return [...groups.values()].map((group) => ({ name: group[0]?.path.at(-1) ?? '', items: group }));
}

const field = ({ items }: Client, name: RegExp) => items.find(({ key }) => name.test(key));

function clientSecretsAreGood(items: readonly ConfItem[]): Finding[] {
  return clientsOf(items).flatMap((client) => {
    const secret = field(client, /^secret$/);
    const value = secret?.value ?? '';
    if (secret === undefined || (value !== 'testing123' && value.length >= 16)) return [];
    const found = `The secret of ${client.name} is ${value === 'testing123' ? 'the one that everybody knows' : 'short'}.`;
    const todo = 'Take a random one, such as: openssl rand -base64 30.';
    return [{ level: 'fail' as const, where: here(secret), found, todo }];
  });
}

/** CVE-2024-3596: without Message-Authenticator an answer can be turned from no into yes on the way. */
function clientsSign(items: readonly ConfItem[]): Finding[] {
  return clientsOf(items).flatMap((client) => {
    const [first] = client.items;
    const address = field(client, /^ip(v[46])?addr$/);
    const isLocal = /^(127\.|::1$|localhost$)/.test(address?.value ?? '');
    if (first === undefined || isLocal || inCoa(first)) return [];
    if (field(client, /^require_message_authenticator$/)?.value === 'yes') return [];
    const found = `${client.name} need not send Message-Authenticator, and is not on this machine.`;
    const todo =
      'Set require_message_authenticator = yes; a NAS that cannot send it belongs on this machine.';
    return [{ level: 'fail' as const, where: here(first), found, todo }];
  });
}

const inCoa = ({ path }: ConfItem) => path.some((section) => /^clients\s+drawbridge_coa$/.test(section));

function coaNeedsSignature(items: readonly ConfItem[]): Finding[] {
  const listeners = items.filter(
    ({ key, value, path }) => key === 'type' && value === 'coa' && path.at(-1) === 'listen',
  );
  return listeners
    .filter((item) => !calls(items, 'drawbridge_recv_coa').some(({ path }) => path[0] === item.path[0]))
    .map((item) => ({
      level: 'warn',
      where: here(item),
      found: 'Disconnect requests are taken, but not handed to the gateway helper.',
      todo: 'Call drawbridge_recv_coa in recv-coa.',
    }));
}
