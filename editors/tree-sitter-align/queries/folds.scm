; What can be folded: whatever has brackets of its own, and comments of several lines.

[
  (body)
  (arms)
  (items)
  (record)
  (list)
  (arguments)
  (formals)
  (names)
  (comment)
] @fold

(doc_comment)+ @fold
