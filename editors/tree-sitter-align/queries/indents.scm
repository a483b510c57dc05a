; What stands deeper than the line where its bracket opens, in the words of Neovim.

[
  (body)
  (arms)
  (items)
  (record)
  (list)
  (arguments)
  (formals)
  (names)
  (paren)
] @indent.begin

[
  "}"
  ")"
  "]"
] @indent.branch @indent.end

[
  (comment)
  (doc_comment)
] @indent.ignore

(ERROR) @indent.auto
