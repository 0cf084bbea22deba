#!/usr/bin/env bash
# Blue/green as people script it today: deploy.sh TAG
set -eu
cd "$(dirname "$0")"
. ./deploy.env
export IMAGE TAG=$1

live=$(cat live 2>/dev/null || echo green)
if [ "$live" = blue ]; then
	next=green port=$GREEN
else
	next=blue port=$BLUE
fi
export COLOR=$next API_PORT=$port

echo "deploying $TAG to $next"
$COMPOSE -p "$APP-$next" -f compose.yaml up -d

healthy=no
for _ in $(seq 30); do
	if curl --silent --fail --max-time 2 "http://127.0.0.1:$port/health" >/dev/null; then
		healthy=yes
		break
	fi
	sleep 1
done
echo "healthy: $healthy"

sed -i "s/127\.0\.0\.1:[0-9]*/127.0.0.1:$port/" "$UPSTREAM"
$NGINX -s reload
echo "$next" >live
echo "live: $next"
