#!/bin/bash
# Verifies the small example with nothing but coreutils and openssl, in the order of FORMAT.md. Read along.
#   cd manifests/samples/small && bash by-hand.sh
set -euo pipefail
sha()   { sha256sum | cut -d' ' -f1; }
bytes() { local hex=$1; printf "$(sed 's/../\\x&/g' <<<"$hex")"; }
hex()   { od -An -v -tx1 | tr -d ' \n'; }
field() { grep -o "\"$1\":\"[^\"]*\"" "$2" | head -1 | cut -d'"' -f4; }
is()    { [ "$2" = "$3" ] || { echo "NO:  $1: $2 is not $3"; exit 1; }; echo "yes: $1"; }
tmp=$(mktemp -d) && trap 'rm -r "$tmp"' EXIT

# The files are the ones that the statement names (4.1).
for name in README.md model.safetensors; do
  digest=$(sha <"model/$name")
  grep -q "\"digest\":\"$digest\",\"name\":\"$name\",\"size\":$(stat -c %s "model/$name")}" statement.json
  echo "yes: $name has the size and digest of the statement"
done

# The seal is a signature of the publisher over this statement (3, 4.2).
field payload model/model.sig | base64 -d >"$tmp/payload"
cmp "$tmp/payload" statement.json
pae() { printf 'DSSEv1 %d %s %d ' ${#1} "$1" "$(stat -c %s "$2")"; cat "$2"; }
field sig model/model.sig | base64 -d >"$tmp/sig"
pae application/vnd.in-toto+json statement.json | openssl dgst -sha256 -verify publisher.pub -signature "$tmp/sig" >/dev/null
echo "yes: the publisher signed the statement"
is "the hint is of the publisher's key" "$(field hint model/model.sig)" "$(sha <publisher.pub)"

# The release record in leaf 3 names this seal, this bundle and these contents, and the publisher signed it (5).
sed 's/^{"record":"//; s/","signatures":.*//; s/\\"/"/g' leaf-3.json | tr -d '\n' >"$tmp/record"
is "the record names the statement" "$(field seal "$tmp/record")" "$(sha <statement.json)"
is "the record names the bundle" "$(field bundle "$tmp/record")" "$(sha <model/model.sig)"
fileset=$(for name in README.md model.safetensors; do
  printf '%s\0%d\0%s\n' "$name" "$(stat -c %s "model/$name")" "$(sha <"model/$name")"
done | sha)
is "the record names the contents" "$(field fileset "$tmp/record")" "$fileset"
field sig leaf-3.json | base64 -d >"$tmp/sig"
pae application/vnd.modelseal.record+json "$tmp/record" | openssl dgst -sha256 -verify publisher.pub -signature "$tmp/sig" >/dev/null
echo "yes: the publisher signed the record"

# Leaf 3 is in the tree of 5 leaves whose root the log signed (7.1). From leaf to root: leaf 2 stands left of it, the
# first two leaves left of both, leaf 4 right of all.
leaf=$( { printf '\0'; cat leaf-3.json; } | sha)
node() { { printf '\1'; bytes "$1"; bytes "$2"; } | sha; }
mapfile -t proof < <(sed -n '3,5p' leaf-3.tlog-proof | while read -r line; do base64 -d <<<"$line" | hex; echo; done)
root=$(node "$(node "${proof[1]}" "$(node "${proof[0]}" "$leaf")")" "${proof[2]}")
is "leaf 3 leads to the root of the checkpoint" "$root" "$(sed -n 3p log/checkpoint | base64 -d | hex)"

# The log signed the checkpoint, and its cosigner said when (7.2, 7.3).
head -3 log/checkpoint >"$tmp/text"
sed -n 5p log/checkpoint | cut -d' ' -f3 | base64 -d | tail -c 64 >"$tmp/sig"
openssl pkeyutl -verify -pubin -inkey log.pub -rawin -in "$tmp/text" -sigfile "$tmp/sig" >/dev/null
echo "yes: the log signed the checkpoint"
sed -n 6p log/checkpoint | cut -d' ' -f3 | base64 -d >"$tmp/line"
time=$((16#$(tail -c +5 "$tmp/line" | head -c 8 | hex)))
tail -c 64 "$tmp/line" >"$tmp/sig"
{ printf 'cosignature/v1\ntime %d\n' "$time"; cat "$tmp/text"; } >"$tmp/cosigned"
openssl pkeyutl -verify -pubin -inkey cosigner.pub -rawin -in "$tmp/cosigned" -sigfile "$tmp/sig" >/dev/null
echo "yes: the cosigner saw it on $(date -u -d "@$time" '+%Y-%m-%d %H:%M:%S UTC')"

# The log begins with the operators whom the trust root names (6.2): leaf 0 is the first entry of the bundle.
length=$((16#$(head -c 2 log/tile/entries/000.p/5 | hex)))
leaf0=$( { printf '\0'; tail -c +3 log/tile/entries/000.p/5 | head -c "$length"; } | sha)
is "leaf 0 is the one that registry.json names" "$leaf0" "$(field leaf0 registry.json)"

# The index says which leaves are about this repo: leaf 3 and no other, so nothing revokes it (8). The bucket of the key,
# its tile, the top tile, and the root in the last leaf.
key=repo:hf://acme-lab/atlas-7b
number=$(printf %s "$key" | sha | cut -c1-4)
records=$(grep -ao 'records\\":\\"[0-9a-f]*' log/tile/entries/000.p/5 | tail -1 | cut -d'"' -f3)
fold() {  # a file of 256 hashes -> its root
  local level=() next i
  mapfile -t level < <(hex <"$1" | fold_lines)
  while [ ${#level[@]} -gt 1 ]; do
    next=()
    for ((i = 0; i < ${#level[@]}; i += 2)); do
      pair="${level[i]} ${level[i+1]}"
      [ "$pair" = "${known:-}" ] || { known=$pair; made=$(node "${level[i]}" "${level[i+1]}"); }  # most are empty
      next+=("$made")
    done
    level=("${next[@]}")
  done
  echo "${level[0]}"
}
fold_lines() { command fold -w 64; echo; }
hash_at() { dd if="$1" bs=32 skip="$((16#$2))" count=1 status=none | hex; }
is "the top tile is the root in the last leaf" "$(fold "log/index/$records")" "$records"
tile=$(hash_at "log/index/$records" "${number:0:2}")
is "the tile is in its place" "$(fold "log/index/$tile")" "$tile"
bucket=$(hash_at "log/index/$tile" "${number:2:2}")
is "the bucket is in its place" "$( { printf '\0'; cat "log/index/$bucket"; } | sha)" "$bucket"
is "all leaves about the repo" "$(cat "log/index/$bucket")" "$key 3"

echo "VERIFIED: these files are release 9c1f0d22 of acme-lab/atlas-7b. (Left out here: that the operators admitted the publisher, leaf 2.)"
