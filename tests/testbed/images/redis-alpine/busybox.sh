#!/bin/sh
# Every tool that BusyBox has is BusyBox's from now on, the shell last, and there is no bash. Debian's BusyBox lacks some of
# what Alpine's has; the entrypoint changes its account by util-linux' setpriv.
for name in $(/bin/busybox --list); do
  for folder in /usr/bin /usr/sbin; do
    if [ -e "$folder/$name" ] && [ "$name" != sh ] && [ "$name" != busybox ] && [ "$name" != setpriv ]; then
      /bin/busybox ln -sf /bin/busybox "$folder/$name"
    fi
  done
done
/bin/busybox rm -f /usr/bin/bash /usr/bin/dash /tmp/busybox.sh
/bin/busybox ln -sf /bin/busybox /usr/bin/sh
