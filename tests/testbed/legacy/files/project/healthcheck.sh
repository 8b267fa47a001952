#!/bin/sh
# switched off in June: it restarted the proxy during long streams
python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:4000/health/liveliness", timeout=5)' \
  || systemctl --user restart litellm.service
