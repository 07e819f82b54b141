import agent from './agent/remedy.de.ts';
import antivirus from './antivirus/remedy.de.ts';
import type { Remedy } from './check.ts';
import detections from './detections/remedy.de.ts';
import diskEncryption from './disk-encryption/remedy.de.ts';
import firewall from './firewall/remedy.de.ts';
import l2tpServer from './l2tp-server/remedy.de.ts';
import osPatch from './os-patch/remedy.de.ts';
import osVersion from './os-version/remedy.de.ts';
import processes from './processes/remedy.de.ts';
import screenLock from './screen-lock/remedy.de.ts';
import secureBoot from './secure-boot/remedy.de.ts';
import type { ReasonCode } from './specs.ts';
import tags from './tags/remedy.de.ts';
import vpnClient from './vpn-client/remedy.de.ts';

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
  ...agent,
  ...antivirus,
  ...detections,
  ...diskEncryption,
  ...firewall,
  ...l2tpServer,
  ...osPatch,
  ...osVersion,
  ...processes,
  ...screenLock,
  ...secureBoot,
  ...tags,
  ...vpnClient,
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
