#!/usr/bin/env bash
# Compose in place, without any script to speak of: up.sh TAG
set -eu
cd "$(dirname "$0")"
. ./deploy.env
export IMAGE TAG=$1 COLOR=blue API_PORT=$BLUE
$COMPOSE -p "$APP" -f compose.yaml up -d
