#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The engine keeps its images in containerd's store, at another place, and restarts under containers.
set -euo pipefail
python3 - <<'P'
import json
path = "/etc/docker/daemon.json"
settings = json.load(open(path))
settings["features"] = {"containerd-snapshotter": True}
settings["data-root"] = "/var/lib/docker/engine"  # on the volume that the test bed has for it
settings["live-restore"] = True
json.dump(settings, open(path, "w"), indent=2)
P
# so is containerd's: whiteouts need a file system that is no overlay itself
systemctl stop docker.socket docker.service containerd.service
mv /var/lib/containerd /var/lib/docker/containerd
ln -s docker/containerd /var/lib/containerd
systemctl start docker.service
docker info --format '{{.DriverStatus}} {{.DockerRootDir}} {{.LiveRestoreEnabled}}' \
  | grep -q 'io.containerd.snapshotter.*/var/lib/docker/engine true'
