#!/bin/sh
# Makes the parser anew from grammar.js.  Wants the tree-sitter command (`cargo install tree-sitter-cli@0.27.1`), and no Node.
set -eu
cd "$(dirname "$0")"

# Editors of some years ago read ABI 14; nothing here needs a newer one.
tree-sitter generate --abi 14 --js-runtime native
for file in grammar node-types; do
    echo >> "src/$file.json" # They end without a newline.
done

# By these a test tells that the generated files are those of this grammar.
sums=$(command -v sha256sum || echo 'shasum -a 256')
$sums grammar.js src/grammar.json src/node-types.json src/parser.c > src/SHA256SUMS
