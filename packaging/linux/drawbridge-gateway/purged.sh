rmdir /etc/drawbridge 2>/dev/null || true
