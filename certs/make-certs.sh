#!/usr/bin/env bash
# Makes certificates for development: an authority, a server certificate and a client certificate.
#   certs/make-certs.sh [DIRECTORY] [CLIENT-NAME] [HOST ...]
#   certs/make-certs.sh ADDRESS [HOST ...]
# A HOST is a name or an address of the server, IPv4 or IPv6. No directory is called like an address.
# Nothing that it writes is committed; the keys are readable by their owner only.
set -euo pipefail
umask 077

is_ipv4() {
  local part
  [[ $1 =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] || return 1
  for part in ${1//./ }; do ((10#$part <= 255)) || return 1; done
}
is_ipv6() { [[ $1 == *:*:* && $1 =~ ^[0-9A-Fa-f:.]+$ ]]; }
bare() { [[ $1 == \[*\] ]] && set -- "${1:1:-1}"; printf '%s' "$1"; }

# A client checks an address against entries of the kind IP only, and a name against those of the kind DNS.
entry() {
  local host
  host=$(bare "$1")
  if is_ipv4 "$host" || is_ipv6 "$host"; then printf 'IP:%s' "$host"
  elif [[ $host =~ ^[0-9.]+$ ]] || ! [[ $host =~ ^[A-Za-z0-9_.*-]+$ ]]; then
    echo "$1 is neither a name nor an address of a server" >&2
    return 1
  else printf 'DNS:%s' "$host"; fi
}

first=$(bare "${1:-}")
if is_ipv4 "$first" || is_ipv6 "$first"; then set -- "$(dirname "$0")" device "$@"; fi
directory=${1:-$(dirname "$0")}
client=${2:-device}
shift $(($# < 2 ? $# : 2))
if [[ $client == */* ]]; then
  echo "$client is no name for a client: it names files" >&2
  exit 2
fi
names="DNS:localhost,IP:127.0.0.1,IP:::1"
for host in "$@"; do
  added=$(entry "$host") || exit 2
  names="$names,$added"
done

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
