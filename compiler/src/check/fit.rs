//! Does a stage fit its checkpoint, its data, its environment, its model and its budget?

use align_grammar::ast::{Block, Expr, Span, StmtKind};
use align_schema::{BlockKind, Builtin, DataKind, Dim, Quantity, Value};
use align_stdlib::adapters;
use align_stdlib::envs::Task;

use super::block::Fields;
use super::stage::{Header, acts, count, reads_budget};
use super::{Checker, Edges, Trained};
use crate::diag::{Diagnostic, FileId};
use crate::hir::Def;

impl Checker<'_> {
    /// Whether a stage can start from a checkpoint: the same model, the same window, the same sizes.
    pub(super) fn start_fits(
        &mut self,
        def: &Def,
        from: &Expr,
        header: &Header,
        trained: &Trained,
    ) -> bool {
        let at = def.at;
        if let (Some(model), Some(other)) = (&header.model, &trained.model)
            && model.def != other.def
        {
            self.report(
                Diagnostic::error(
                    "A2006",
                    at.file,
                    from.span,
                    format!(
                        "stage `{}` trains `{}`, this is a checkpoint of `{}`",
                        def.name.text, model.name.text, other.name.text
                    ),
                )
                .with_label("a checkpoint of another model")
                .with_place(model.at.file, model.name.span, "the model being trained")
                .with_place(
                    other.at.file,
                    other.name.span,
                    "the model of the checkpoint",
                ),
            );
            return false;
        }
        if header.model.as_ref().is_some_and(|m| m.critic) {
            return true;
        }
        let (Some((data, file, span)), Some(before)) = (&header.data, &trained.data) else {
            return true;
        };
        if let (Some((now, f1, s1)), Some((then, f2, s2))) = (data.horizon, before.horizon)
            && now != then
        {
            self.report(
                Diagnostic::error(
                    "A2009",
                    *file,
                    *span,
                    format!(
                        "`{}` has a horizon of {now} steps, the checkpoint was trained with {then}",
                        data.name.text
                    ),
                )
                .with_label(format!("{now} steps"))
                .with_place(f1, s1, format!("{now} steps here"))
                .with_place(f2, s2, format!("{then} steps here")),
            );
            return false;
        }
        if let (Some(now), Some(then)) = (data.task, before.task) {
            return self.sizes_fit(now, then, (*file, *span), (at.file, from.span));
        }
        true
    }

    /// A2010: sizes of two tasks.
    pub(super) fn sizes_fit(
        &mut self,
        now: &Task,
        then: &Task,
        here: (FileId, Span),
        there: (FileId, Span),
    ) -> bool {
        if (now.obs, now.act) == (then.obs, then.act) {
            return true;
        }
        self.report(
            Diagnostic::error(
                "A2010",
                here.0,
                here.1,
                format!(
                    "`{}` and `{}` have observations or actions of different sizes",
                    now.name, then.name
                ),
            )
            .with_label(format!("{} observations, {} actions", now.obs, now.act))
            .with_place(
                there.0,
                there.1,
                format!("{} observations, {} actions", then.obs, then.act),
            ),
        );
        false
    }

    /// A2010: whether every checkpoint that a node reads takes the observations and actions of its task; `from` its header is compared
    /// on its own.
    pub(super) fn read_fits(
        &mut self,
        own: Option<(&'static Task, FileId, Span)>,
        edges: &Edges,
        from: Option<Span>,
    ) -> bool {
        let Some((task, file, span)) = own else {
            return true;
        };
        let mut good = true;
        for (trained, at, place) in &edges.read {
            if from != Some(*place)
                && let Some(other) = trained.task
            {
                good &= self.sizes_fit(other, task, (*at, *place), (file, span));
            }
        }
        good
    }

    /// A2017: whether there are weights for the stage's adapter to stand beside.
    pub(super) fn adapter_fits(&mut self, def: &Def, header: &Header, given: &Fields) -> bool {
        let Some((Value::Call(adapter), field)) = given
            .get("adapter")
            .and_then(|g| Some((g.value.as_ref()?, g)))
        else {
            return true;
        };
        let net = header
            .model
            .as_ref()
            .and_then(|m| Some((m, m.record.get("net")?)));
        let mut error = match net {
            Some((model, Value::Call(net))) => adapters::fault(adapter, net).map(|why| {
                Diagnostic::error("A2017", def.at.file, field.span, why)
                    .with_label("nothing would be trained")
                    .with_place(model.at.file, model.name.span, "the model")
                    .with_help(
                        "adapt `on: all`, or give the network what it lacks (`attention: true`)",
                    )
            }),
            _ => None,
        };
        if error.is_none() && header.good && header.from.is_none() {
            let why = "an adapter stands beside the weights of a checkpoint, and this stage starts from none";
            error = Some(
                Diagnostic::error("A2017", def.at.file, field.span, why)
                    .with_label("nothing to stand beside")
                    .with_help(
                        "name one in the header, `from pretrain.best`, or leave the adapter out",
                    ),
            );
        }
        let good = error.is_none();
        if let Some(error) = error {
            self.report(error);
        }
        good
    }

    /// A2007, A2009, A2010: whether the loss can learn from this data, in this environment, with this model.
    pub(super) fn loss_fits(
        &mut self,
        def: &Def,
        header: &Header,
        given: &Fields,
        loss: Option<&Builtin>,
    ) -> bool {
        let (Some(loss), Some(field)) = (loss, given.get("loss")) else {
            return true;
        };
        let at = def.at;
        let mut good = true;
        let mut error = |this: &mut Self,
                         message: String,
                         label: &str,
                         place: Option<(FileId, Span, String)>,
                         help: String| {
            let mut e = Diagnostic::error("A2007", at.file, field.span, message)
                .with_label(label)
                .with_help(help);
            if let Some((file, span, text)) = place {
                e = e.with_place(file, span, text);
            }
            this.report(e);
            good = false;
        };
        if let Some(model) = &header.model {
            let fits_critics = !loss.nets.is_empty();
            if fits_critics != model.critic {
                let (what, kind) = if model.critic {
                    ("draws plans", "a critic")
                } else {
                    ("fits a critic", "no critic")
                };
                error(
                    self,
                    format!(
                        "`{}` {what}, and `{}` is {kind}",
                        loss.name, model.name.text
                    ),
                    "loss and model disagree",
                    Some((model.at.file, model.name.span, "the model".into())),
                    if model.critic {
                        "a critic is fitted by `iql`, `double_q` or `return_to_go`"
                    } else {
                        "a critic has a net such as `twin_q`"
                    }
                    .into(),
                );
            } else if let Some(Value::Call(net)) = model.record.get("net")
                && fits_critics
                && !loss.nets.contains(&net.name.as_str())
            {
                error(
                    self,
                    format!("`{}` fits no `{}`", loss.name, net.name),
                    "loss and network disagree",
                    Some((model.at.file, model.name.span, "the model".into())),
                    format!(
                        "it fits `{}`; `value` is fitted by `return_to_go`",
                        loss.nets.join("`, `")
                    ),
                );
            }
        }
        match &header.data {
            Some((data, file, span))
                if !loss.data.is_empty() && !loss.data.contains(&data.kind) =>
            {
                let (wants, has, help) = match data.kind {
                    DataKind::Rollouts => (
                        "pairs",
                        "rollouts",
                        format!(
                            "make pairs first: `dataset pairs from {}.best {{ prefer = by_return(), count = 1k pairs }}`",
                            header
                                .from
                                .as_ref()
                                .map_or("stage", |f| f.name.text.as_str())
                        ),
                    ),
                    DataKind::Pairs => (
                        "rollouts",
                        "pairs",
                        "name a dataset of rollouts, or a loss for pairs such as `diffusion_dpo`"
                            .into(),
                    ),
                };
                error(
                    self,
                    format!(
                        "`{}` learns from {wants}, and `{}` holds {has}",
                        loss.name, data.name.text
                    ),
                    &format!("wants {wants}"),
                    Some((*file, *span, format!("a dataset of {has}"))),
                    help,
                );
            }
            None if header.on.is_none() && !loss.data.is_empty() => {
                error(
                    self,
                    format!("`{}` learns from data, and the stage names none", loss.name),
                    "needs a dataset",
                    Some((at.file, def.name.span, "no `on` here".into())),
                    format!(
                        "name it in the header: `stage {} trains .. on DATASET`",
                        def.name.text
                    ),
                );
            }
            _ => {}
        }
        let known = field.value.is_some();
        if acts(loss, header, given).is_none() && header.good && known {
            error(
                self,
                format!(
                    "`{}` acts in an environment, and the stage names none",
                    loss.name
                ),
                "needs an environment",
                Some((at.file, def.name.span, "no `in env(task)` here".into())),
                format!(
                    "name it in the header: `stage {} trains .. on .. in env(\"maze2d-umaze-v1\")`; or give a `critic`, which then pays for plans of the data's states",
                    def.name.text
                ),
            );
        }
        if let Some((data, ..)) = &header.data
            && loss.rewards
        {
            let what = format!("`{}`", loss.name);
            let here = (at.file, field.span);
            good &= self.without_rewards(here, &what, &data.origin, &data.name.text);
        }
        good &= self.horizon_fits(header);
        if let (Some((env, span)), Some((data, file, on))) = (&header.env, &header.data)
            && let Some(Value::Name(name)) = env.get("task")
            && let (Some(task), Some(of_data)) = (align_stdlib::envs::task(name), data.task)
        {
            good &= self.sizes_fit(task, of_data, (at.file, *span), (*file, *on));
        }
        good
    }

    /// A2009: whether the network can take windows of this length.
    pub(super) fn horizon_fits(&mut self, header: &Header) -> bool {
        let (Some(model), Some((data, file, span))) = (&header.model, &header.data) else {
            return true;
        };
        let (Some((multiple, net)), Some((horizon, hfile, hspan))) = (model.multiple, data.horizon)
        else {
            return true;
        };
        if horizon % multiple == 0 {
            return true;
        }
        let near = (horizon / multiple).max(1).saturating_mul(multiple);
        self.report(
            Diagnostic::error(
                "A2009",
                *file,
                *span,
                format!("`{}` takes horizons that are a multiple of {multiple} steps, `{}` has {horizon}", model.name.text, data.name.text),
            )
            .with_label(format!("windows of {horizon} steps"))
            .with_place(hfile, hspan, format!("{horizon} steps here"))
            .with_place(model.at.file, net, format!("halves the window until {multiple} steps are one"))
            .with_help(format!("such as `horizon = {near} steps` or `{} steps`", near.saturating_add(multiple))),
        );
        false
    }

    /// The limits of the budget; A5001, A2002, A3002, A3004, A3007.
    pub(super) fn limits(
        &mut self,
        def: &Def,
        owner: &str,
        block: &Block,
        given: &Fields,
        loss: Option<&Builtin>,
        header: &Header,
    ) -> Option<Vec<Quantity>> {
        let at = def.at;
        let Some(field) = given.get("budget") else {
            let until = block
                .body
                .iter()
                .find(|s| matches!(s.kind, StmtKind::Until(_)));
            match until {
                _ if self.cut => {}
                Some(until) => self.report(
                    Diagnostic::error("A5001", at.file, until.span, "`until` without a `budget`")
                        .with_label("may never hold")
                        .with_place(at.file, def.name.span, "this stage has no `budget`")
                        .with_help(
                            "say how long it may train at most, such as `budget = 10k steps`",
                        ),
                ),
                None => {
                    if let Some(param) =
                        align_stdlib::block(BlockKind::Stage).and_then(|b| b.field("budget"))
                    {
                        self.missing_field(at, def.name.span, owner, param);
                    }
                }
            }
            return None;
        };
        let Value::List(items) = field.value.as_ref()? else {
            return None;
        };
        let limits: Vec<Quantity> = items
            .iter()
            .filter_map(|v| match v {
                Value::Quantity(q) => Some(*q),
                _ => None,
            })
            .collect();
        let env = loss.and_then(|l| acts(l, header, given));
        for limit in &limits {
            let error = match (limit.dim, env) {
                (Dim::Steps, Some(true)) => Diagnostic::error(
                    "A3007",
                    at.file,
                    field.span,
                    format!("this stage counts environment steps, found `{limit}`"),
                )
                .with_label("wanted a number of `env_steps`")
                .with_help(format!(
                    "`{}` acts in an environment: its budget is in `env_steps`",
                    loss.map_or("", |l| l.name)
                )),
                (Dim::EnvSteps, Some(false)) => Diagnostic::error(
                    "A3002",
                    at.file,
                    field.span,
                    format!("this stage counts `steps`, found `{limit}`"),
                )
                .with_label("it takes no environment steps")
                .with_help("its budget is in `steps`, `epochs` or time"),
                (Dim::Epochs, _) if header.on.is_none() => Diagnostic::error(
                    "A3004",
                    at.file,
                    field.span,
                    "`epochs` without a dataset to go through",
                )
                .with_label("an epoch is a pass over a dataset")
                .with_help("count `steps` or `env_steps`"),
                _ => continue,
            };
            self.report(error);
            return None;
        }
        if let Some(optim) = given.get("optim")
            && optim.value.as_ref().is_some_and(reads_budget)
            && count(&limits).is_none()
        {
            self.report(
                Diagnostic::error("A3002", at.file, optim.span, "the schedule reads the budget, which has no number of steps")
                    .with_label("falls until the end of the budget")
                    .with_place(at.file, field.span, "only a time or epochs here")
                    .with_help("add a number of steps to the budget, or give the schedule one: `cosine(to: 10k steps)`"),
            );
            return None;
        }
        Some(limits)
    }
}
