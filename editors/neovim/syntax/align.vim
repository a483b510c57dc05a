" Colours by shape: no name of the standard library stands here, so that a new builtin needs no change.
if exists("b:current_syntax")
  finish
endif

syntax keyword alignItem align use param let pipeline dataset model stage sequence cascade sweep policy report
syntax keyword alignHead as of trains on in from by every eval checkpoint until without expect
syntax keyword alignWord and or not else
syntax keyword alignConstant true false off
syntax match alignCall "\<\h\w*\ze("
syntax match alignField "\<\h\w*\%(\.\h\w*\)*\ze\s*=\%([=>]\)\@!"
syntax match alignArgument "\<\h\w*\%(\.\h\w*\)*\ze\s*:"
syntax match alignMember "\.\zs\h\w*"
" A unit stands on the line of its number.
syntax match alignUnit "\%(\d[kMG]\?[ \t]*\)\@<=\h\w*\|%" contained
syntax match alignNumber "\<\d[0-9_]*\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?\%([kMG]\>\)\?"
syntax match alignQuantity "\<\d[0-9_]*\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?\%([kMG]\>\)\?\%(%\|[ \t]*\%(until\|trains\|every\|and\|or\|not\|else\|by\|from\)\@!\h\w*\)" contains=alignNumber,alignUnit
syntax match alignArrow "->\|=>\|\.\.<\|\.\.="
syntax region alignString start=+"+ skip=+\\.+ end=+"\|$+ contains=alignEscape
syntax match alignEscape "\\." contained
syntax region alignComment start="/\*" end="\*/"
syntax match alignComment "//.*$"
syntax match alignDoc "///.*$"

highlight default link alignItem Structure
highlight default link alignHead Keyword
highlight default link alignWord Operator
highlight default link alignConstant Boolean
highlight default link alignCall Function
highlight default link alignField Identifier
highlight default link alignArgument Identifier
highlight default link alignMember Special
highlight default link alignNumber Number
highlight default link alignUnit Type
highlight default link alignArrow Operator
highlight default link alignString String
highlight default link alignEscape SpecialChar
highlight default link alignComment Comment
highlight default link alignDoc SpecialComment

let b:current_syntax = "align"
