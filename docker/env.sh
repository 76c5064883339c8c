#!/bin/sh
# Writes .env: what .env.example says, with secrets made up for you. An .env that is there is left alone.
set -eu
umask 077
cd "$(dirname "$0")/.."
if [ -e .env ]; then
    echo "There is an .env already, and it holds the key of your connections. Change it, or move it away first." >&2
    exit 1
fi
hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
password=$(hex 9)
user=$(id -u)
[ "$user" -ne 0 ] || user=50000
sed -e "s|^POSTGRES_PASSWORD=\$|&$(hex 24)|" \
    -e "s|^REDIS_PASSWORD=\$|&$(hex 24)|" \
    -e "s|^API_SECRET_KEY=\$|&$(hex 32)|" \
    -e "s|^JWT_SECRET=\$|&$(hex 32)|" \
    -e "s|^FERNET_KEY=\$|&$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')|" \
    -e "s|^PASSWORDS=\$|&'{\"admin\": \"$password\"}'|" \
    -e "s|^#AIRFLOW_UID=.*|AIRFLOW_UID=$user|" \
    .env.example >.env
echo ".env is written. Log in as admin with the password $password, which stands there too."
