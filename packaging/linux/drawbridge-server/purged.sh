# Devices, decisions and the key that names the server: gone for good.
rm -rf /var/lib/drawbridge-server
