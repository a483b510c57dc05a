; Nothing of another language stands in a program; comments have marks of their own, such as links.
;
; The other way round, a fence ```align in a document has colours as soon as the editor knows this language by the name `align`: the
; Markdown grammar injects by the word after the fence.

([
  (comment)
  (doc_comment)
] @injection.content
  (#set! injection.language "comment"))
