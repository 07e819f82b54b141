rm -rf /var/lib/drawbridge /var/cache/drawbridge
rm -f /etc/drawbridge/enroll
rmdir /etc/drawbridge 2>/dev/null || true
