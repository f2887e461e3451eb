#!/bin/sh
# An authority of the plant's own, and the broker's certificate signed by it.
#
#   make-certificates.sh [-a AUTHORITY] [-o SECRETS] [-d DAYS] NAME...
#
# NAME is how devices and services reach the broker: host names and IP addresses, all that are used.
# The authority (key and certificate) is made once; running the script again renews the broker's
# certificate. Keep the authority's folder away from the broker: who has its key can pose as it.
set -eu

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
authority=$folder/authority
secrets=$folder/secrets
days=825

usage() {
    echo "usage: $(basename "$0") [-a AUTHORITY] [-o SECRETS] [-d DAYS] NAME..." >&2
    exit 2
}

while getopts a:o:d: option; do
    case $option in
        a) authority=$OPTARG ;;
        o) secrets=$OPTARG ;;
        d) days=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
command -v openssl >/dev/null || { echo "openssl is missing" >&2; exit 1; }

umask 077
mkdir -p "$authority" "$secrets"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

names=
for name in "$@"; do
    case $name in
        *[!A-Za-z0-9.:-]*) echo "$name: neither a host name nor an IP address" >&2; exit 2 ;;
        *:*) kind=IP ;;
        *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
    esac
    names=$names${names:+,}$kind:$name
done

if [ ! -e "$authority/ca.key" ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
    openssl req -x509 -new -sha256 -key "$work/ca.key" -days 3650 -subj "/CN=gemba plant authority" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$authority/ca.pem"
    mv "$work/ca.key" "$authority/ca.key"
    echo "made the authority $authority/ca.pem"
fi

cat >"$work/server.conf" <<EOF
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$names
EOF
openssl ecparam -name prime256v1 -genkey -noout -out "$work/server.key"
openssl req -new -sha256 -key "$work/server.key" -subj "/CN=gemba broker" -out "$work/server.csr"
openssl x509 -req -sha256 -in "$work/server.csr" -days "$days" -extfile "$work/server.conf" \
    -CA "$authority/ca.pem" -CAkey "$authority/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -out "$work/server.pem" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }

chmod 644 "$work/server.pem"
cp "$authority/ca.pem" "$work/ca.pem"
chmod 644 "$work/ca.pem"
for file in server.key server.pem ca.pem; do
    mv "$work/$file" "$secrets/$file"
done
echo "made the broker's certificate for $names in $secrets"
