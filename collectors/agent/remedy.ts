import type { Remedy } from '../check.ts';

const askIt = (text: string) => ({ windows: [text], macos: [text], linux: [text] });

export const agentTampered: Remedy = {
  title: 'Drawbridge’s own files were changed',
  action: 'Have Drawbridge installed again',
  why: 'Its answers cannot be trusted until it is installed again.',
  steps: askIt('Ask IT to install Drawbridge again.'),
};

export const agentCloned: Remedy = {
  title: 'This computer’s identity was used by another computer',
  action: 'Have this computer enrolled again',
  why: 'Two computers answer in the same name, so neither can be trusted until IT has looked.',
  steps: askIt('Call IT. They can enrol this computer again.'),
};

export const agentSilent: Remedy = {
  title: 'Your company has not heard from this computer lately',
  action: 'Bring this computer online',
  why: 'Without news nobody can say whether it is still healthy.',
  steps: askIt('Check that the computer is online. If it is, restart it or ask IT.'),
};

export const agentKeyWeak: Remedy = {
  title: 'This computer’s identity is kept less safely than your company asks',
  action: 'Have the security chip turned on',
  why: 'The key lies in a file instead of in a security chip.',
  steps: askIt('Ask IT whether this computer has a security chip (TPM) that can be turned on.'),
};
