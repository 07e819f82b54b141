# What the agent holds is let go with it: nobody would be left to lift it.
if [ -e /var/lib/drawbridge ]; then
	/usr/lib/drawbridge/drawbridge l2tp-server reopen >/dev/null 2>&1 || true
fi
if [ -x /usr/sbin/nft ]; then
	for table in drawbridge-vpn drawbridge_isolation drawbridge_l2tp_server; do
		/usr/sbin/nft delete table inet "$table" 2>/dev/null || true
	done
fi
