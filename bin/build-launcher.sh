#!/bin/sh
# build-launcher.sh ROOT OUT ID [PROGRAM]: compiles ROOT/native/PROGRAM.c (launcher) to OUT/build/hg-PROGRAM with the
# machine's own compiler.
# The file appears whole or not at all: a -j64 build may call this 64 times at once. ID becomes part of the agent's
# socket name, so that a launcher only ever talks to an agent of the same build.
set -u
root=$1 out=$2 id=$3 program=${4:-launcher}
# Our own links may come first in PATH: this compile must not need the launcher it makes.
HG_DISABLE=1
export HG_DISABLE

mkdir -p "$out/build" || exit 1
new=$out/build/.hg-$program.$$
trap 'rm -f "$new"' EXIT

for compiler in "${HG_LAUNCHER_CC:-cc}" gcc clang; do
  # Static saves 0.3 ms of loading per compile; systems without static libc get the other one.
  for link in -static ''; do
    # shellcheck disable=SC2086
    "$compiler" -std=gnu11 -O2 $link -Wall -Wextra "-DHG_VERSION=\"$id\"" -o "$new" "$root/native/$program.c" \
      2>"$new.log" && break 2
  done
done
if [ ! -x "$new" ]; then
  cat "$new.log" >&2
  # bin/hgbuild sees this and does not try again for every compile.
  [ "$program" != launcher ] || mv -f "$new.log" "$out/build/failed"
  rm -f "$new.log"
  exit 1
fi
cat "$new.log" >&2
rm -f "$new.log"
if [ "$program" != launcher ]; then
  mv -f "$new" "$out/build/hg-$program"
  exit
fi
if [ "$out" != "$root" ]; then
  # The launcher finds the agent's program as ../bin/hgbuild of itself.
  mkdir -p "$out/bin" && ln -sf "$(cd "$root" && pwd -P)/bin/hgbuild" "$out/bin/hgbuild" || exit 1
fi
rm -f "$out/build/failed"
mv -f "$new" "$out/build/hg-launcher"
