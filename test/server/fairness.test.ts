import { describe, expect, test } from 'vitest';
import { runningGraces, snoozeUntil } from '../../src/policy/reminders.ts';
import { defaultPolicy, HOUR, MINUTE, reading, SimulatedDevice, START } from './simulated-device.ts';

const iso = (ms: number) => new Date(ms).toISOString();
const missing = reading('os-patch', { pendingSecurity: 3 });
const installed = reading('os-patch', { pendingSecurity: 0 });
const firewallOff = reading('firewall', { state: 'off' });
const firewallOn = reading('firewall', { state: 'on' });

/** Heavy enough that one of its failures restricts. */
const strict = defaultPolicy(['weight: 30', 'weight: 40']);

describe('grace', () => {
  test('a failed check is only told until its deadline, and the sentence says since when and until when', () => {
    const device = new SimulatedDevice(strict);
    device.after(0);
    const { decision, verdicts } = device.after(HOUR, missing);
    expect(decision).toMatchObject({
      access: 'allow',
      risk: { score: 0, level: 'low' },
      reason: 'patch-security-pending',
      deadline: iso(START + 73 * HOUR),
      sentence: expect.stringMatching(
        /found 3 security updates waiting; since 2026-11-20 11:00 UTC, to be mended by 2026-11-23 11:00 UTC\.$/,
      ),
    });
    expect(verdicts.find(({ check }) => check === 'os-patch')).toMatchObject({
      level: 'warn',
      points: 0,
      since: iso(START + HOUR),
      until: iso(START + 73 * HOUR),
    });
    expect(device.after(72 * HOUR - 1).decision.access).toBe('allow');
    expect(device.after(1).decision).toMatchObject({
      access: 'restrict',
      risk: { score: 40, level: 'medium' },
      sentence: expect.stringContaining('was to be mended by 2026-11-23 11:00 UTC'),
    });
    expect(device.after(MINUTE, installed).decision).toMatchObject({ access: 'allow', reason: 'ok' });
  });

  test('flapping does not move the deadline; a day of health does', () => {
    const device = new SimulatedDevice(strict);
    const deadline = iso(START + 72 * HOUR);
    expect(device.after(0, missing).decision.deadline).toBe(deadline);
    device.after(20 * HOUR, installed);
    expect(device.after(23 * HOUR, missing).decision.deadline).toBe(deadline);
    device.after(HOUR, installed);
    device.after(24 * HOUR);
    expect(device.after(HOUR, missing).decision.deadline).toBe(iso(device.now + 72 * HOUR));
  });

  test('an unknown follows its own row and no grace; beyond its hours it has used up the check’s', () => {
    const device = new SimulatedDevice(strict);
    device.unknownSince = { 'os-patch': START };
    const unread = { state: 'unknown', why: 'denied', detail: '', at: iso(START) } as const;
    const levels = [0, 71, 1].map((hours) => {
      const { verdicts } = device.after(hours * HOUR, { 'os-patch': unread });
      return verdicts.find(({ check }) => check === 'os-patch');
    });
    expect(levels).toMatchObject([
      { level: 'unknown', points: 0, until: iso(START + 72 * HOUR) },
      { level: 'unknown', points: 0 },
      { level: 'warn', points: 20 },
    ]);
    device.after(MINUTE, missing);
    expect(device.after(MINUTE).decision).toMatchObject({ access: 'restrict', deadline: null });
  });
});

describe('steadiness', () => {
  test('a flap cuts nobody; what stays bad does, and what gets better counts at once', () => {
    const device = new SimulatedDevice(defaultPolicy());
    device.after(0);
    expect(device.after(MINUTE, firewallOff).decision).toMatchObject({
      access: 'allow',
      would: 'restrict',
      held: 'steady',
      reason: 'firewall-off',
      risk: { score: 20, level: 'medium' },
      until: iso(START + 2 * MINUTE),
    });
    expect(device.after(30_000, firewallOn).decision).toMatchObject({ access: 'allow', held: null });
    expect(device.after(10_000, firewallOff).decision).toMatchObject({ access: 'allow', held: 'steady' });
    expect(device.after(59_999).decision.access).toBe('allow');
    expect(device.after(1).decision).toMatchObject({ access: 'restrict', held: null });
    expect(device.after(1, firewallOn).decision.access).toBe('allow');
  });

  test('a check with a floor, and a changed policy, count at once', () => {
    const device = new SimulatedDevice(defaultPolicy());
    device.after(0);
    expect(device.after(MINUTE, reading('disk-encryption', { system: 'plain' })).decision.access).toBe(
      'restrict',
    );
    const other = new SimulatedDevice(defaultPolicy());
    other.after(0, reading('firewall', { state: 'partial' }));
    other.use(defaultPolicy(['medium: 20', 'medium: 10']));
    expect(other.after(1).decision).toMatchObject({ access: 'restrict', reason: 'firewall-partial' });
  });
});

describe('modes', () => {
  const inMode = (mode: string) => {
    const device = new SimulatedDevice(defaultPolicy([/^mode: enforce$/m, `mode: ${mode}`]));
    device.after(0);
    return device.after(MINUTE, reading('disk-encryption', { system: 'plain' }));
  };

  test.each(['observe', 'warn'])('%s cuts nobody and says what would be', (mode) => {
    expect(inMode(mode).decision).toMatchObject({
      access: 'allow',
      mode,
      would: 'restrict',
      held: 'mode',
      reason: 'disk-plain',
    });
  });

  test('a pilot of ten per cent, then all', () => {
    const pilot = defaultPolicy(
      ['groups: []', 'groups: [{ name: pilot, match: { percent: 10 }, mode: enforce }]'],
      ['mode: enforce\n', 'mode: observe\n'],
    );
    const devices = Array.from(
      { length: 400 },
      (_, index) => new SimulatedDevice(pilot, `01930000-0000-7000-8000-${String(index).padStart(12, '0')}`),
    );
    const plain = reading('disk-encryption', { system: 'plain' });
    const restricted = () =>
      devices.filter((device) => device.after(MINUTE, plain).decision.access === 'restrict').length;
    for (const device of devices) device.after(0);
    const few = restricted();
    expect(few).toBeGreaterThan(20);
    expect(few).toBeLessThan(60);
    for (const device of devices) device.use(defaultPolicy());
    expect(restricted()).toBe(devices.length);
  });
});

describe('break-glass', () => {
  test('lets in whatever the state, for its time, and says so', () => {
    const device = new SimulatedDevice(defaultPolicy());
    device.after(0, reading('disk-encryption', { system: 'plain' }));
    device.breakGlassUntil = device.now + HOUR;
    expect(device.after(MINUTE).decision).toMatchObject({
      access: 'allow',
      would: 'restrict',
      held: 'break-glass',
      reason: 'disk-plain',
    });
    expect(device.after(59 * MINUTE).decision).toMatchObject({ access: 'restrict', held: null });
  });
});

describe('reminders', () => {
  test('come at the beginning, half-way, and 24, 4 and 1 hours before the deadline', () => {
    const device = new SimulatedDevice(strict);
    const reminded: number[] = [];
    for (let hour = 0; hour < 80; hour += 1) {
      if (device.after(hour === 0 ? 0 : HOUR, missing).remind) reminded.push(hour);
    }
    expect(reminded).toEqual([0, 36, 48, 68, 71]);
  });

  test('can be put off, but never past the deadline, and not while the policy is only observed', () => {
    const device = new SimulatedDevice(strict);
    const { verdicts } = device.after(0, missing);
    const graces = runningGraces(verdicts, device.now);
    expect(snoozeUntil(graces, 2 * HOUR, device.now)).toBe(START + 2 * HOUR);
    expect(snoozeUntil(graces, 1_000 * HOUR, device.now)).toBe(START + 24 * HOUR);
    expect(snoozeUntil(graces, 24 * HOUR, START + 71 * HOUR)).toBe(START + 72 * HOUR);
    expect(snoozeUntil([], HOUR, START)).toBeNull();

    device.after(35 * HOUR);
    device.memory = { ...device.memory, snoozedUntil: device.now + 3 * HOUR };
    expect(device.after(HOUR).remind).toBe(false);
    expect(device.after(HOUR).remind).toBe(false);
    expect(device.after(HOUR).remind).toBe(true);

    const observed = new SimulatedDevice(defaultPolicy([/^mode: enforce$/m, 'mode: observe']));
    expect(observed.after(0, missing).remind).toBe(false);
  });
});
