#!/usr/bin/env bash
# The journey of `emacs.el` in the Emacs of the machine, or in the one that ALIGN_EMACS names.
#
#   bash tests/editors/emacs.sh          with target/release/align, or with the program that ALIGN_BIN names
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"

export ALIGN_BIN="${ALIGN_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/align}"
export ALIGN_EDITORS="$root/editors"
emacs="${ALIGN_EMACS:-emacs}"
command -v "$emacs" >/dev/null || { echo "there is no \`$emacs\`; on Debian: apt-get install emacs-nox elpa-eglot" >&2; exit 2; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$here/study.align" "$work/"
export ALIGN_STUDY="$work/study.align"
# Nothing of whoever runs this is read or written.
export HOME="$work"
# A file that does not compile cleanly warns its users; a copy, so that nothing compiled stays behind.
cp "$root/editors/emacs/align-mode.el" "$work/"
"$emacs" --batch --eval '(setq byte-compile-error-on-warn t)' --funcall batch-byte-compile "$work/align-mode.el" 2>&1 | grep -v '^Loading' || true
[ -f "$work/align-mode.elc" ] || { echo "failed: align-mode.el does not compile without warnings" >&2; exit 1; }
"$emacs" --batch --load "$here/emacs.el" </dev/null
