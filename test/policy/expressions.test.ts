import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkIds, type CheckId, type Readings } from '../../collectors/specs.ts';
import { WHYS, type Reading } from '../../src/base/reading.ts';
import { parseExpression } from '../../src/policy/cel.ts';
import { compile, parseCompiled } from '../../src/policy/compiled.ts';
import { assess, firstToFix, judge } from '../../src/policy/judge.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { healthyReadings } from '../server/fixtures.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const AT = new Date(NOW).toISOString();
const HOUR = 3_600_000;

function policyWith(expressions: readonly object[]): Policy {
  const parsed = parsePolicy(JSON.stringify({ version: 1, name: 'test', expressions }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

const healthy = healthyReadings(AT);
const unread = (why: (typeof WHYS)[number]): Reading<never> => ({
  state: 'unknown',
  why,
  detail: '',
  at: AT,
});

function verdictOf(
  expression: { expr: string; when?: string; [key: string]: unknown },
  readings: Partial<Readings> = healthy,
  since: Partial<Record<CheckId, number>> = {},
) {
  const policy = policyWith([{ name: 'own', expected: 'it', ...expression }]);
  return judge(readings, policy, NOW, since).find(({ check }) => check === 'expression:own');
}

describe('expressions over facts', () => {
  test.each([
    ['firewall.state == "on"', 'pass'],
    ['firewall.state == "off"', 'fail'],
    ['os_patch.pendingSecurity <= 0', 'pass'],
    ['antivirus.products.exists(p, p.name == antivirus.active)', 'pass'],
    ['antivirus.products.all(p, p.realtime)', 'pass'],
    ['timestamp(agent.startedAt) <= now', 'pass'],
    ['now - timestamp(agent.startedAt) > duration("24h")', 'fail'],
    ['has(secure_boot.sip) || secure_boot.secureBoot == "on"', 'pass'],
    ['os_version.family in ["debian", "ubuntu", "fedora"] || true', 'pass'],
  ])('%s: %s', (expr, level) => {
    expect(verdictOf({ expr })).toMatchObject({
      level,
      reason: level === 'pass' ? 'ok' : 'expression-not-met',
    });
  });

  test('a fail weighs what the expression says, has its floor, and the administrator’s words in its sentence', () => {
    const policy = policyWith([
      {
        name: 'vpn-and-disk',
        expr: 'firewall.state == "off"',
        expected: 'a firewall that is off, for once',
        weight: 7,
        floor: 'high',
      },
    ]);
    const verdicts = judge(healthy, policy, NOW);
    const verdict = verdicts.find(({ check }) => check === 'expression:vpn-and-disk');
    expect(verdict).toMatchObject({
      level: 'fail',
      points: 7,
      sentence:
        'This computer does not meet one of your company’s own rules: expected a firewall that is off, for once, found "vpn-and-disk" is not met.',
    });
    expect(assess(verdicts, policy)).toEqual({ score: 7, level: 'high' });
    expect(firstToFix(verdicts, policy)?.check).toBe('expression:vpn-and-disk');
  });

  test('`when` says where an expression is judged; what does not apply has no verdict', () => {
    expect(verdictOf({ when: 'os_version.platform == "windows"', expr: 'false' })).toBeUndefined();
    expect(verdictOf({ when: 'os_version.platform != "windows"', expr: 'false' })).toMatchObject({
      level: 'fail',
    });
    const nobody = { ...healthy, 'screen-lock': unread('not-applicable') };
    expect(verdictOf({ expr: 'screen_lock.users.size() > 0' }, nobody)).toBeUndefined();
    expect(verdictOf({ expr: 'false', weight: 0 })).toBeUndefined();
  });

  test('what a system cannot say is unknown, however the expression turns it', () => {
    for (const expr of [
      'secure_boot.sip',
      '!secure_boot.sip',
      'secure_boot.sip == true',
      'secure_boot.sip != true',
      'secure_boot.sip == null',
      'secure_boot.sip == false || firewall.state == "off"',
    ]) {
      expect(verdictOf({ expr }), expr).toMatchObject({
        level: 'unknown',
        reason: 'expression-unknown',
        points: 0,
      });
    }
    const tagged = {
      ...healthy,
      tags: { ...healthy.agent, fact: { edr: { unknown: 'denied' }, lsa: true } },
    } as never;
    expect(verdictOf({ expr: 'tags.lsa' }, tagged)).toMatchObject({ level: 'pass' });
    expect(verdictOf({ expr: 'tags.edr' }, tagged)).toMatchObject({ level: 'unknown' });
    expect(verdictOf({ expr: '!tags.edr' }, tagged)).toMatchObject({ level: 'unknown' });
  });

  test('an unknown follows the expression’s own row, from when the check that it asks for was last known', () => {
    const open = { ...healthy, firewall: unread('denied') };
    const expression = {
      expr: 'firewall.state == "on"',
      weight: 10,
      unknown: { graceHours: 24, then: 'fail' },
    };
    expect(verdictOf(expression, open, { firewall: NOW - 23 * HOUR })).toMatchObject({
      level: 'unknown',
      points: 0,
    });
    expect(verdictOf(expression, open, { firewall: NOW - 24 * HOUR })).toMatchObject({
      level: 'fail',
      points: 10,
      reason: 'expression-unknown',
      given: 'firewall not known',
    });
  });

  test('whatever a check is asked of that is not known, the verdict is never a pass or a fail', () => {
    const templates = [
      'X.a == 1',
      '!has(X.a)',
      'has(X.a)',
      'true || X.a == 1',
      'X.a == 1 && false',
      'X.size() >= 0',
      '!(X.a == X.b)',
    ];
    const whys = WHYS.filter((why) => why !== 'not-applicable');
    fc.assert(
      fc.property(
        fc.constantFrom(...checkIds),
        fc.constantFrom(...templates),
        fc.constantFrom(...whys, 'not reported' as const),
        fc.constantFrom('', ' || firewall.state == "on"', ' && agent.version != ""'),
        (id, template, why, more) => {
          const expr = template.replaceAll('X', id.replaceAll('-', '_')) + more;
          const readings: Partial<Readings> = { ...healthy };
          if (why === 'not reported') delete readings[id];
          else Object.assign(readings, { [id]: unread(why) });
          expect(verdictOf({ expr }, readings)?.level, expr).toBe('unknown');
          // Unknown where it applies: unknown as a whole.
          expect(verdictOf({ when: expr, expr: 'true' }, readings)?.level, expr).toBe('unknown');
        },
      ),
      { numRuns: 150 },
    );
  });

  test('one that was not read with its policy is unknown', () => {
    for (const expr of ['true', 'false']) {
      const policy = policyWith([{ name: 'own', expected: 'it', expr }]);
      const copied = { ...policy, expressions: policy.expressions.map((one) => ({ ...one })) };
      expect(judge(healthy, copied, NOW).at(-1)).toMatchObject({
        check: 'expression:own',
        level: 'unknown',
        reason: 'expression-unknown',
        given: 'a rule that was not read with its policy',
      });
    }
  });

  test('no fact whatever makes it throw, and a verdict always has a reason', () => {
    const exprs = [
      'antivirus.products.exists(p, p.name == "x")',
      'antivirus.active + "x" != "y"',
      'antivirus.products.size() > 0',
    ];
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...exprs), (fact, expr) => {
        const verdict = verdictOf(
          { expr },
          { ...healthy, antivirus: { ...healthy.antivirus, fact } as never },
        );
        expect(verdict?.reason).toBeTruthy();
        expect(verdict?.sentence).toBeTruthy();
      }),
      { numRuns: 100 },
    );
  });

  test('lists and texts that a device made too long are unknown, not slow', () => {
    const name = 'x'.repeat(2_000);
    const long = {
      ...healthy,
      antivirus: { ...healthy.antivirus, fact: { products: [], active: name } },
    } as never;
    expect(verdictOf({ expr: 'antivirus.active.contains("xx")' }, long)).toMatchObject({ level: 'unknown' });
    const products = Array.from({ length: 101 }, () => ({ name: 'x' }));
    const many = {
      ...healthy,
      antivirus: { ...healthy.antivirus, fact: { products, active: null } },
    } as never;
    expect(verdictOf({ expr: 'antivirus.products.exists(p, p.name == "x")' }, many)).toMatchObject({
      level: 'unknown',
    });
  });
});

describe('what a policy file may hold', () => {
  test.each([
    ['1 + 1', 'answers int'],
    ['firewall.state', null],
    ['firewall.state ==', 'Unexpected'],
    ['nobody.state == 1', 'Unknown variable'],
    ['os_version.family.matches("(a+)+$")', 'may not use matches'],
    [
      'antivirus.products.all(a, antivirus.products.all(b, antivirus.products.all(c, a == b && b == c)))',
      'costs too much',
    ],
    [`firewall.state == "on"${' && firewall.state == "on"'.repeat(60)}`, ''],
    ['process.exit()', 'Unknown'],
    ['firewall.constructor.constructor("x")()', ''],
  ])('%s', (expr, problem) => {
    const parsed = parseExpression(expr);
    if (problem === null) expect(parsed.ok).toBe(true);
    else expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining(problem) });
  });

  test('a mistake is named with its line', () => {
    const parsed = parsePolicy(
      'version: 1\nname: x\nexpressions:\n  - name: own\n    expected: it\n    expr: firewall.state = "on"\n',
    );
    expect(parsed).toMatchObject({ ok: false, error: [{ line: 6 }] });
    expect(
      parsePolicy('version: 1\nname: x\nexpressions: [{ name: A b, expected: it, expr: "true" }]').ok,
    ).toBe(false);
    const twice = { name: 'own', expected: 'it', expr: 'true' };
    expect(parsePolicy(JSON.stringify({ version: 1, name: 'x', expressions: [twice, twice] })).ok).toBe(
      false,
    );
  });

  test('devices get expressions, and leave out what they do not understand', () => {
    const policy = policyWith([{ name: 'own', expected: 'it', expr: 'firewall.state == "on"' }]);
    const compiled = compile(policy, { mode: 'enforce', courses: {}, unknownSince: {}, held: false });
    const newer = {
      ...compiled,
      expressions: [...compiled.expressions, { name: 'odd', expr: 'firewall.fly()', expected: 'x' }, 7],
    };
    const read = parseCompiled(JSON.parse(JSON.stringify(newer)));
    expect(read.ok && read.value.expressions.map(({ name }) => name)).toEqual(['own']);
  });
});
