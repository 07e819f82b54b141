import type { Remedy, Variant } from './check.ts';
import { remediesDe } from './remedies.de.ts';
import { remedies } from './remedies.ts';
import { specs, type CheckId, type ReasonCode } from './specs.ts';

/** What a check is called, and what it reads and why. */
export type CheckWords = { name: string; collects: string };

export type Words = {
  checks: Record<CheckId, CheckWords>;
  remedies: Record<ReasonCode, Remedy>;
};

/** A check's own sentence is its English one. */
function english(name: string, id: CheckId): CheckWords {
  return { name, collects: specs[id].collects };
}

/** Everything that is said of checks, in each language: a missing text does not compile. */
export const words = {
  en: {
    checks: {
      'os-version': english('Operating system', 'os-version'),
      'os-patch': english('Updates', 'os-patch'),
      'disk-encryption': english('Disk encryption', 'disk-encryption'),
      antivirus: english('Antivirus', 'antivirus'),
      detections: english('Malware found', 'detections'),
      firewall: english('Firewall', 'firewall'),
      'screen-lock': english('Screen lock', 'screen-lock'),
      'secure-boot': english('Secure Boot', 'secure-boot'),
      'l2tp-server': english('VPN server', 'l2tp-server'),
      'vpn-client': english('VPN connections', 'vpn-client'),
      processes: english('Programs', 'processes'),
      tags: english('Company rules', 'tags'),
      agent: english('Drawbridge itself', 'agent'),
    },
    remedies,
  },
  de: {
    checks: {
      'os-version': {
        name: 'Betriebssystem',
        collects:
          'Name, Version und Supportende des Betriebssystems, um zu wissen, ob es noch Sicherheitsupdates bekommt.',
      },
      'os-patch': {
        name: 'Updates',
        collects:
          'Wie viele Updates ausstehen, wie viele davon Sicherheitslücken schließen, und ob ein Neustart aussteht.',
      },
      'disk-encryption': {
        name: 'Festplattenverschlüsselung',
        collects:
          'Ob die Festplatten mit dem System und Ihren Dateien verschlüsselt sind, damit ein verlorener Laptop nur ein verlorener Laptop ist.',
      },
      antivirus: {
        name: 'Virenschutz',
        collects: 'Welcher Virenschutz installiert ist, ob er an ist, und wie alt seine Signaturen sind.',
      },
      detections: {
        name: 'Gefundene Schadsoftware',
        collects:
          'Schadsoftware, die der Virenschutz gefunden hat und die noch nicht beseitigt ist: Name und Schwere, nie ein Dateiname.',
      },
      firewall: {
        name: 'Firewall',
        collects: 'Ob die Firewall Verbindungen abweist, um die auf diesem Computer niemand gebeten hat.',
      },
      'screen-lock': {
        name: 'Bildschirmsperre',
        collects: 'Ob sich der Bildschirm von selbst sperrt, und nach wie vielen Minuten.',
      },
      'secure-boot': {
        name: 'Secure Boot',
        collects:
          'Ob der Computer nur Software startet, die sein Hersteller oder Ihre Firma unterschrieben hat.',
      },
      'l2tp-server': {
        name: 'VPN-Server',
        collects: 'Ob dieser Computer anderen einen L2TP-Server anbietet, was Laptops nie tun sollten.',
      },
      'vpn-client': {
        name: 'VPN-Verbindungen',
        collects:
          'Die auf diesem Computer eingerichteten L2TP-VPN-Verbindungen und ob sie bestehen; nie ein Kennwort oder Schlüssel.',
      },
      processes: {
        name: 'Programme',
        collects:
          'Ob ein Programm läuft, das auf der Liste Ihrer Firma steht; kein anderes Programm wird gemeldet.',
      },
      tags: {
        name: 'Regeln der Firma',
        collects: 'Antworten, ja oder nein, auf die weiteren Fragen, die die Vorgaben Ihrer Firma nennen.',
      },
      agent: {
        name: 'Drawbridge selbst',
        collects:
          'Version und Zustand von Drawbridge selbst, und die Nummern, unter denen Ihre Sicherheitsprogramme dieses Gerät kennen.',
      },
    },
    remedies: remediesDe,
  },
} satisfies Record<string, Words>;

export type Language = keyof typeof words;

export function wordsOf(language: Language): Words {
  return words[language];
}

/** A reason's words; null for one that only a newer agent knows. */
export function remedyOf(language: Language, reason: string): Remedy | null {
  const all = words[language].remedies;
  return Object.hasOwn(all, reason) ? (all[reason as ReasonCode] ?? null) : null;
}

/** What a computer is, for steps that fit it: os-release's ID or the platform's name, its version, its desktop. */
export type Computer = {
  platform: 'windows' | 'macos' | 'linux';
  family: string | null;
  version: string | null;
  build: string | null;
  /** As XDG_CURRENT_DESKTOP has it, such as `ubuntu:GNOME`; null elsewhere. */
  desktop: string | null;
};

const FAMILIES: readonly [RegExp, Variant][] = [
  [/^(ubuntu|pop|neon|zorin|elementary|linuxmint)$/, 'ubuntu'],
  [/^(debian|raspbian)$/, 'debian'],
  [/^(fedora|rhel|centos|rocky|almalinux)$/, 'fedora'],
  [/^(opensuse.*|sles|sled)$/, 'suse'],
];

/** The first build of Windows 11, and the first macOS with System Settings. */
const WINDOWS_11 = 22_000;
const VENTURA = 13;

/** Variants that this computer is one of, the most telling first. */
export function variantsOf({ platform, family, version, build, desktop }: Computer): Variant[] {
  if (platform === 'windows') {
    const number = Number(build ?? version?.split('.')[2] ?? Number.NaN);
    return number < WINDOWS_11 ? ['windows-10'] : [];
  }
  if (platform === 'macos') return Number.parseInt(version ?? '', 10) < VENTURA ? ['macos-12'] : [];
  const distribution = FAMILIES.filter(([name]) => name.test(family ?? '')).map(([, variant]) => variant);
  return [...distribution, ...desktopOf(desktop)];
}

function desktopOf(desktop: string | null): Variant[] {
  const names = (desktop ?? '').toLowerCase().split(':');
  if (names.includes('kde')) return ['kde'];
  return names.some((name) => /^(gnome|unity)/.test(name)) ? ['gnome'] : [];
}

/** The steps for this very computer. */
export function stepsOf({ steps }: Remedy, computer: Computer): readonly string[] {
  for (const variant of variantsOf(computer)) if (steps[variant] !== undefined) return steps[variant];
  return steps[computer.platform];
}
