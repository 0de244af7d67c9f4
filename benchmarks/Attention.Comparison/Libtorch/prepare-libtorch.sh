#!/bin/sh
# Makes TorchSharp's native wrapper loadable where libstdc++ is older than GCC 13's, as on Debian 12 and Ubuntu 22.04.
#
# libLibTorchSharp.so asks for symbol version GLIBCXX_3.4.32 because of a single function. This script takes that
# requirement out of the copy in the output folder (never out of the NuGet package) and builds a library with the
# function, which Attention.Comparison loads first. Newer systems need none of it; running it there does no harm.
#
# Usage: dotnet build -c Release benchmarks/Attention.Comparison
#        benchmarks/Attention.Comparison/Libtorch/prepare-libtorch.sh [OUTPUT_FOLDER]
set -eu

sources=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
output=${1:-$sources/../../../artifacts/bin/Attention.Comparison/release}

if ! command -v g++ >/dev/null
then
    echo "prepare-libtorch.sh: needs g++, and installs nothing itself (Debian, Ubuntu: apt-get install g++)" >&2
    exit 1
fi

library=$(find "$output" -path '*runtimes*' -name libLibTorchSharp.so | head -n 1)
if [ -z "$library" ]
then
    echo "prepare-libtorch.sh: no libLibTorchSharp.so below $output; build Attention.Comparison first" >&2
    exit 1
fi

folder=$(dirname -- "$library")
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

g++ -O1 -shared -fPIC -o "$folder/libiosshim.so" "$sources/ios-shim.cpp"
g++ -O1 -o "$tools/unversion" "$sources/unversion.cpp"

# The edit happens on a copy, and keeps the time stamp: the build then sees nothing to copy again.
cp -p "$library" "$tools/edited.so"
chmod u+w "$tools/edited.so"
"$tools/unversion" "$tools/edited.so" GLIBCXX_3.4.32 _ZSt21ios_base_library_initv
touch -r "$library" "$tools/edited.so"
mv -f "$tools/edited.so" "$library"
echo "libtorch is ready in $folder"
