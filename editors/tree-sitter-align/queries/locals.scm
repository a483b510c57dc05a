; Where names are defined, where they are used, and how far they are seen.

[
  (source_file)
  (pipeline)
] @local.scope

(param
  name: (identifier) @local.definition.parameter)

(formal
  name: (identifier) @local.definition.parameter)

(let
  name: (identifier) @local.definition.var)

; A pipeline is seen around itself.
((pipeline
  name: (identifier) @local.definition.function)
  (#set! definition.function.scope "parent"))

[
  (dataset
    name: (identifier) @local.definition.type)
  (model
    name: (identifier) @local.definition.type)
  (stage
    name: (identifier) @local.definition.type)
  (sequence
    name: (identifier) @local.definition.type)
  (cascade
    name: (identifier) @local.definition.type)
  (sweep
    name: (identifier) @local.definition.type)
  (policy
    name: (identifier) @local.definition.type)
]

(names
  (identifier) @local.definition.import)

(use
  alias: (identifier) @local.definition.import)

(use
  name: (identifier) @local.definition.import
  !alias)

(use
  path: (path
    (identifier) @local.definition.import .)
  !names
  !alias)

(ref
  (identifier) @local.reference)

[
  (sequence
    member: (path
      .
      (identifier) @local.reference))
  (cascade
    member: (path
      .
      (identifier) @local.reference))
  (sweep
    of: (path
      .
      (identifier) @local.reference))
  (report
    of: (path
      .
      (identifier) @local.reference))
]
