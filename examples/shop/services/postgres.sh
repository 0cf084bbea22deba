#!/bin/sh
# Serves the database of the shop, and makes it in a volume that has none yet.
set -eu

data=/var/lib/postgresql/shop
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH

if [ ! -e "$data" ]; then
	# Made beside it and moved into place: a half one is never taken for whole.
	rm -rf "$data.new"
	printf '%s\n' "$DB_PASSWORD" >/tmp/password
	initdb --pgdata="$data.new" --username=shop --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-locale
	rm /tmp/password
	echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
	printf 'create database shop;\n' | postgres --single -D "$data.new" postgres
	mv "$data.new" "$data"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
