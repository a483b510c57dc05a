#!/usr/bin/env bash
# The journey of `neovim.lua` in the Neovim of the machine, or in the one that ALIGN_NVIM names.
#
#   bash tests/editors/neovim.sh          with target/release/align, or with the program that ALIGN_BIN names
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"

export ALIGN_BIN="${ALIGN_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/align}"
export ALIGN_EDITORS="$root/editors"
nvim="${ALIGN_NVIM:-nvim}"
command -v "$nvim" >/dev/null || { echo "there is no \`$nvim\`; on Debian: apt-get install neovim" >&2; exit 2; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$here/study.align" "$work/"
export ALIGN_STUDY="$work/study.align"
# The parser, where there is a compiler for it.
export ALIGN_SITE=
if command -v cc >/dev/null; then
    ALIGN_SITE="$work/site"
    mkdir -p "$ALIGN_SITE/parser" "$ALIGN_SITE/queries"
    cp -r "$root/editors/tree-sitter-align/queries" "$ALIGN_SITE/queries/align"
    source="$root/editors/tree-sitter-align/src"
    cc -shared -fPIC -O1 -I "$source" -o "$ALIGN_SITE/parser/align.so" "$source/parser.c" "$source/scanner.c"
fi
# Nothing of whoever runs this is read or written.
export XDG_CONFIG_HOME="$work/config" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
"$nvim" --headless -u NONE -i NONE -n -c "luafile $here/neovim.lua" </dev/null
