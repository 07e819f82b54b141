systemd-sysusers drawbridge-server.conf
systemd-tmpfiles --create drawbridge-server.conf
