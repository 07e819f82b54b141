import { agentCloned, agentKeyWeak, agentSilent, agentTampered } from './agent/remedy.ts';
import { avInactive, avMissing, avOutdated } from './antivirus/remedy.ts';
import type { Remedy } from './check.ts';
import { detectionOpen, detectionSevere, signalHigh } from './detections/remedy.ts';
import { diskConverting, diskMixed, diskPlain, diskUnprotected } from './disk-encryption/remedy.ts';
import { firewallOff, firewallPartial } from './firewall/remedy.ts';
import { l2tpServerRunning } from './l2tp-server/remedy.ts';
import { patchBehind, patchReboot, patchSecurityPending, patchStale } from './os-patch/remedy.ts';
import { osBehind, osEndOfLife, osTooOld } from './os-version/remedy.ts';
import { processWatched } from './processes/remedy.ts';
import { lockOff, lockSlow } from './screen-lock/remedy.ts';
import { secureBootOff, sipOff } from './secure-boot/remedy.ts';
import type { ReasonCode } from './specs.ts';
import { expressionNotMet, tagNotMet } from './tags/remedy.ts';
import { vpnSecretsReadable, vpnWithoutIpsec } from './vpn-client/remedy.ts';

/** The words for "we could not read it": the same for every check but for what was to be read. */
function unreadable(what: string): Remedy {
  const steps = [
    'Restart the computer.',
    'If this message stays, send IT the output of “drawbridge doctor”.',
  ];
  return {
    title: `Drawbridge could not read ${what}`,
    // Much of it is a computer that has just started, or a program that is being updated.
    patience: { afterMinutes: 60 },
    action: `Let Drawbridge read ${what}`,
    why: 'An answer that nobody knows counts neither for you nor against you, but not for ever.',
    steps: { windows: steps, macos: steps, linux: steps },
  };
}

/** Everything that can be wrong, with the words for the person who can mend it; a code without words does not compile. */
export const remedies = {
  'os-end-of-life': osEndOfLife,
  'os-too-old': osTooOld,
  'os-behind': osBehind,
  'os-version-unknown': unreadable('the version of your operating system'),
  'patch-security-pending': patchSecurityPending,
  'patch-stale': patchStale,
  'patch-reboot': patchReboot,
  'patch-behind': patchBehind,
  'os-patch-unknown': unreadable('whether updates are missing'),
  'disk-plain': diskPlain,
  'disk-unprotected': diskUnprotected,
  'disk-converting': diskConverting,
  'disk-mixed': diskMixed,
  'disk-encryption-unknown': unreadable('whether your disk is encrypted'),
  'av-missing': avMissing,
  'av-inactive': avInactive,
  'av-outdated': avOutdated,
  'antivirus-unknown': unreadable('the state of your antivirus'),
  'detection-open': detectionOpen,
  'detection-severe': detectionSevere,
  'signal-high': signalHigh,
  'detections-unknown': unreadable('whether your antivirus found anything'),
  'firewall-off': firewallOff,
  'firewall-partial': firewallPartial,
  'firewall-unknown': unreadable('the state of your firewall'),
  'lock-off': lockOff,
  'lock-slow': lockSlow,
  'screen-lock-unknown': unreadable('whether your screen locks'),
  'secure-boot-off': secureBootOff,
  'sip-off': sipOff,
  'secure-boot-unknown': unreadable('whether Secure Boot is on'),
  'l2tp-server-running': l2tpServerRunning,
  'l2tp-server-unknown': unreadable('whether this computer offers a VPN server'),
  'vpn-without-ipsec': vpnWithoutIpsec,
  'vpn-secrets-readable': vpnSecretsReadable,
  'vpn-client-unknown': unreadable('your VPN connections'),
  'process-watched': processWatched,
  'processes-unknown': unreadable('whether a listed program is running'),
  'tag-not-met': tagNotMet,
  'expression-not-met': expressionNotMet,
  'expression-unknown': unreadable('something that one of your company’s own rules asks for'),
  'tags-unknown': unreadable('the answers to your company’s own rules'),
  'agent-tampered': agentTampered,
  'agent-cloned': agentCloned,
  'agent-silent': agentSilent,
  'agent-key-weak': agentKeyWeak,
  'agent-unknown': unreadable('its own state'),
} satisfies Record<ReasonCode, Remedy>;
