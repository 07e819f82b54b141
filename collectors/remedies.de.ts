import { agentDe } from './agent/remedy.de.ts';
import { antivirusDe } from './antivirus/remedy.de.ts';
import type { Remedy } from './check.ts';
import { detectionsDe } from './detections/remedy.de.ts';
import { diskEncryptionDe } from './disk-encryption/remedy.de.ts';
import { firewallDe } from './firewall/remedy.de.ts';
import { l2tpServerDe } from './l2tp-server/remedy.de.ts';
import { osPatchDe } from './os-patch/remedy.de.ts';
import { osVersionDe } from './os-version/remedy.de.ts';
import { processesDe } from './processes/remedy.de.ts';
import { screenLockDe } from './screen-lock/remedy.de.ts';
import { secureBootDe } from './secure-boot/remedy.de.ts';
import type { ReasonCode } from './specs.ts';
import { tagsDe } from './tags/remedy.de.ts';
import { vpnClientDe } from './vpn-client/remedy.de.ts';

function unreadable(what: string): Remedy {
  const steps = [
    'Starten Sie den Computer neu.',
    'Bleibt diese Meldung, schicken Sie der IT die Ausgabe von „drawbridge doctor“.',
  ];
  return {
    title: `Drawbridge konnte nicht feststellen, ${what}`,
    action: `Drawbridge feststellen lassen, ${what}`,
    why: 'Eine Antwort, die niemand kennt, zählt weder für noch gegen Sie, aber nicht für immer.',
    steps: { windows: steps, macos: steps, linux: steps },
  };
}

/** The German words; see `remedies.ts`. */
export const remediesDe = {
  ...agentDe,
  ...antivirusDe,
  ...detectionsDe,
  ...diskEncryptionDe,
  ...firewallDe,
  ...l2tpServerDe,
  ...osPatchDe,
  ...osVersionDe,
  ...processesDe,
  ...screenLockDe,
  ...secureBootDe,
  ...tagsDe,
  ...vpnClientDe,
  'os-version-unknown': unreadable('welche Version Ihr Betriebssystem hat'),
  'os-patch-unknown': unreadable('ob Updates fehlen'),
  'disk-encryption-unknown': unreadable('ob Ihre Festplatte verschlüsselt ist'),
  'antivirus-unknown': unreadable('in welchem Zustand Ihr Virenschutz ist'),
  'detections-unknown': unreadable('ob Ihr Virenschutz etwas gefunden hat'),
  'firewall-unknown': unreadable('in welchem Zustand Ihre Firewall ist'),
  'screen-lock-unknown': unreadable('ob sich Ihr Bildschirm sperrt'),
  'secure-boot-unknown': unreadable('ob Secure Boot an ist'),
  'l2tp-server-unknown': unreadable('ob dieser Computer einen VPN-Server anbietet'),
  'vpn-client-unknown': unreadable('welche VPN-Verbindungen Sie haben'),
  'processes-unknown': unreadable('ob ein Programm der Liste läuft'),
  'expression-unknown': unreadable('was eine Regel Ihrer Firma verlangt'),
  'tags-unknown': unreadable('wie die Regeln Ihrer Firma beantwortet sind'),
  'agent-unknown': unreadable('in welchem Zustand es selbst ist'),
} satisfies Record<ReasonCode, Remedy>;
