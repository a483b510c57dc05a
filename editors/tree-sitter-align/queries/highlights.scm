; What gets which colour, in the capture names of Neovim.  A later pattern wins over an earlier one.

(comment) @comment @spell

(doc_comment) @comment.documentation @spell

; Values

(number) @number

(unit) @type

(string) @string

(bool) @boolean

(ref
  (identifier) @variable)

(member
  name: (identifier) @variable.member)

((member
  name: (identifier) @constant.builtin)
  (#any-of? @constant.builtin "best" "last"))

(call
  function: (ref
    (identifier) @function.call))

(call
  function: (member
    name: (identifier) @function.method.call))

(argument
  name: (identifier) @variable.parameter)

(entry
  name: (path
    (identifier) @property))

(type
  name: (identifier) @type)

; Names that are defined

(param
  name: (identifier) @variable.parameter)

(formal
  name: (identifier) @variable.parameter)

(let
  name: (identifier) @variable)

(pipeline
  name: (identifier) @function)

[
  (dataset
    name: (identifier) @type.definition)
  (model
    name: (identifier) @type.definition)
  (stage
    name: (identifier) @type.definition)
  (sequence
    name: (identifier) @type.definition)
  (cascade
    name: (identifier) @type.definition)
  (sweep
    name: (identifier) @type.definition)
  (policy
    name: (identifier) @type.definition)
]

; Names in heads

(use
  path: (path
    (identifier) @module))

(use
  name: (identifier) @variable)

(use
  alias: (identifier) @variable)

(names
  (identifier) @variable)

[
  (sequence
    member: (path
      .
      (identifier) @variable))
  (cascade
    member: (path
      .
      (identifier) @variable))
  (sweep
    of: (path
      .
      (identifier) @variable))
  (report
    of: (path
      .
      (identifier) @variable))
]

[
  (sequence
    member: (path
      (identifier)
      (identifier) @variable.member))
  (cascade
    member: (path
      (identifier)
      (identifier) @variable.member))
  (sweep
    of: (path
      (identifier)
      (identifier) @variable.member))
  (report
    of: (path
      (identifier)
      (identifier) @variable.member))
]

; Statements

(field
  name: (path
    (identifier) @property))

(axis
  name: (identifier) @variable.parameter)

(on
  event: (identifier) @constant)

(arm
  event: (identifier) @constant)

; Words

"align" @keyword.directive

[
  "use"
  "as"
] @keyword.import

[
  "pipeline"
  "dataset"
  "model"
  "stage"
  "sequence"
  "cascade"
  "sweep"
  "policy"
  "report"
] @keyword.type

[
  "param"
  "let"
  "trains"
  "from"
  "of"
  "in"
  "every"
  "eval"
  "checkpoint"
  "without"
  "expect"
] @keyword

[
  "until"
  "on"
  "else"
] @keyword.conditional

[
  "and"
  "or"
  "not"
  "by"
] @keyword.operator

; Signs

[
  "="
  "=>"
  "->"
  "=="
  "!="
  ">="
  "<="
  "+"
  "-"
  "*"
  "/"
  "..<"
  "..="
] @operator

(infix
  operator: [
    "<"
    ">"
  ] @operator)

[
  "{"
  "}"
  "("
  ")"
  "["
  "]"
] @punctuation.bracket

(type_args
  [
    "<"
    ">"
  ] @punctuation.bracket)

[
  ","
  ";"
  ":"
  "."
] @punctuation.delimiter

; What follows is made from the standard library: ALIGN_BLESS=1 cargo test --release -p align-tests --test generated

((type
  name: (identifier) @type.builtin)
  (#any-of? @type.builtin
    "Action"
    "Checkpoint"
    "Dataset"
    "Loss"
    "Map"
    "Metric"
    "Model"
    "Range"
    "Seed"
    "StopRule"
    "Task"
    "bool"
    "float"
    "int"
    "string"))

((call
  function: (ref
    (identifier) @function.builtin))
  (#any-of? @function.builtin
    "adam"
    "adamw"
    "advantage"
    "affine"
    "best"
    "best_of"
    "by_return"
    "by_value"
    "classifier"
    "classifier_free"
    "collect"
    "constant"
    "cosine"
    "count"
    "d4rl"
    "ddim"
    "ddpm"
    "denoise"
    "diffusion_dpo"
    "dit1d"
    "diverges"
    "double_q"
    "dpm_solver"
    "em"
    "env"
    "fail"
    "file"
    "flat"
    "gain"
    "halving"
    "inverse_dynamics"
    "iql"
    "iqm"
    "last"
    "lerobot"
    "linear"
    "listwise_dpo"
    "ln_resnet"
    "lora"
    "mean_ci"
    "minari"
    "mlp"
    "particles"
    "pause"
    "percentile"
    "plateau"
    "ppo"
    "probability_of_improvement"
    "qvpg"
    "reaches"
    "refine"
    "reinforce"
    "retry"
    "return_to_go"
    "reward_gradient"
    "rollback"
    "sgd"
    "skip"
    "spread"
    "temporal_unet"
    "top"
    "twin_q"
    "value"
    "value_alignment"
    "warmup"
    "weighted"))
