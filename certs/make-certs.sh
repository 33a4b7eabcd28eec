#!/usr/bin/env bash
# Makes certificates for development: an authority, a server certificate and a client certificate.
#   certs/make-certs.sh [DIRECTORY] [CLIENT-NAME] [SERVER-NAME ...]
# Nothing that it writes is committed; the keys are readable by their owner only.
set -euo pipefail
umask 077

directory=${1:-$(dirname "$0")}
client=${2:-device}
shift $(($# < 2 ? $# : 2))
names="DNS:localhost,IP:127.0.0.1,IP:::1"
for name in "$@"; do names="$names,DNS:$name"; done

mkdir -p "$directory"
cd "$directory"

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

sign() { # NAME SUBJECT EXTENSIONS
  new_key "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -sha256 \
    -extfile <(printf '%b' "$3") -out "$1.crt" 2>/dev/null
  rm "$1.csr"
}

if [ ! -f ca.key ]; then
  new_key ca.key
  openssl req -x509 -new -key ca.key -subj "/CN=Pondhawk development CA" -days 3650 -sha256 \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi
sign server "/CN=localhost" "subjectAltName=$names\nextendedKeyUsage=serverAuth\n"
sign "$client" "/CN=$client" "extendedKeyUsage=clientAuth\n"
chmod 644 ./*.crt
echo "made in $(pwd): ca.crt, server.crt with server.key, $client.crt with $client.key"
