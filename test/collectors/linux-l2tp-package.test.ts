import { expect, test } from 'vitest';
import { parseDpkgOwner } from '../../collectors/l2tp-server/linux-package.ts';

test.each([
  ['xl2tpd: /usr/sbin/xl2tpd\n', 'xl2tpd'],
  ['vpn:amd64, vpn-extra: /usr/sbin/xl2tpd\n', 'vpn:amd64'],
  ['diversion by local from: /usr/sbin/xl2tpd\nxl2tpd: /usr/sbin/xl2tpd\n', 'xl2tpd'],
  ['xl2tpd: /usr/sbin/xl2tpd-control\n', null],
  ['<script>: /usr/sbin/xl2tpd\n', null],
  ['', null],
])('who owns it, by %j', (text, owner) => {
  expect(parseDpkgOwner(text, '/usr/sbin/xl2tpd')).toBe(owner);
});
