systemd-sysusers drawbridge-gateway.conf
