//! A small but real library: least squares by stochastic gradient descent with momentum.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{
    Episodes, Evaluation, Files, Job, JobError, Library, Made, OnProgress, Purpose, StepOut,
    Trainer, stream,
};
use rand::RngExt;

const DIM: usize = 4;
const TRUTH: [f64; DIM] = [1.0, -2.0, 3.0, 0.5];

pub struct Toy;

fn field(node: &Node, name: &str) -> Option<f64> {
    node.value(name).and_then(align_schema::Value::number)
}

fn to_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn from_file(path: &PathBuf) -> Result<Vec<f64>, JobError> {
    let bytes = std::fs::read(path).map_err(|e| JobError::Data(e.to_string()))?;
    Ok(bytes
        .chunks_exact(8)
        .filter_map(|c| c.try_into().ok().map(f64::from_le_bytes))
        .collect())
}

fn input(job: &Job, role: &str, file: &str) -> Option<PathBuf> {
    let input = job.inputs.iter().find(|i| i.need.role == role)?;
    input.files.get(file).cloned()
}

struct Sgd {
    job: Job,
    data: Vec<f64>,
    weights: Vec<f64>,
    momentum: Vec<f64>,
    lr: f64,
    pause: u64,
}

impl Sgd {
    fn error(&self, row: &[f64]) -> f64 {
        let guess: f64 = self.weights.iter().zip(row).map(|(w, x)| w * x).sum();
        guess - row.get(DIM).copied().unwrap_or(0.0)
    }
}

impl Trainer for Sgd {
    fn step(&mut self, step: u64, _want: bool) -> Result<StepOut, JobError> {
        std::thread::sleep(std::time::Duration::from_millis(self.pause));
        let mut rng = stream(&self.job.key, Purpose::Batches, step);
        let rows = self.data.len() / (DIM + 1);
        let batch = 8;
        let mut gradient = [0.0; DIM];
        let mut loss = 0.0;
        for _ in 0..batch {
            let at = rng.random_range(0..rows) * (DIM + 1);
            let row = self.data.get(at..=at + DIM).unwrap_or_default();
            let error = self.error(row);
            loss += error * error / f64::from(batch);
            for (g, x) in gradient.iter_mut().zip(row) {
                *g += 2.0 * error * x / f64::from(batch);
            }
        }
        if !loss.is_finite() {
            return Err(JobError::NonFinite {
                what: "loss".into(),
                step,
            });
        }
        for ((w, m), g) in self
            .weights
            .iter_mut()
            .zip(&mut self.momentum)
            .zip(gradient)
        {
            *m = 0.9 * *m + g;
            *w -= self.lr * *m;
        }
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        Ok(StepOut {
            metrics: vec![
                ("loss".into(), loss),
                ("grad_norm".into(), norm),
                ("lr".into(), self.lr),
            ],
            env_steps: field(&self.job.node, "env").unwrap_or(0.0) as u64,
            samples: 8,
        })
    }

    fn evaluate(&mut self, episodes: u64) -> Result<Evaluation, JobError> {
        let rows = self.data.chunks_exact(DIM + 1);
        let n = rows.len() as f64;
        let loss = rows.map(|r| self.error(r).powi(2)).sum::<f64>() / n;
        let far: f64 = self
            .weights
            .iter()
            .zip(TRUTH)
            .map(|(w, t)| (w - t).powi(2))
            .sum();
        let mut rng = stream(&self.job.key, Purpose::Evaluation, 0);
        let scores: Vec<f64> = (0..episodes)
            .map(|_| 100.0 / (1.0 + far) + rng.random_range(-0.5..0.5))
            .collect();
        let n = scores.len().max(1) as f64;
        let score = scores.iter().sum::<f64>() / n;
        let mut metrics: BTreeMap<String, f64> =
            [("valid.loss".to_owned(), loss), ("score".to_owned(), score)].into();
        // A critic that is the better pleased the longer it is trained for, and plans that come together.
        if field(&self.job.node, "guarded").is_some() {
            let spread = scores.iter().map(|s| (s - score).powi(2)).sum::<f64>() / n;
            metrics.insert("spread".into(), spread.sqrt());
            metrics.insert("value".into(), 10.0 - loss);
            metrics.insert("diversity".into(), loss);
        }
        Ok(Evaluation {
            metrics,
            episodes: Episodes {
                returns: scores.clone(),
                scores,
            },
        })
    }

    fn save(&self) -> Result<Files, JobError> {
        Ok([
            ("model.bin".to_owned(), to_bytes(&self.weights)),
            ("optim.bin".to_owned(), to_bytes(&self.momentum)),
        ]
        .into())
    }

    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        let read = |name: &str| {
            files
                .get(name)
                .ok_or_else(|| JobError::Data(format!("no `{name}`")))
                .and_then(from_file)
        };
        self.weights = read("model.bin")?;
        self.momentum = read("optim.bin")?;
        Ok(())
    }
}

impl Library for Toy {
    fn trainer(&self, job: &Job) -> Result<Box<dyn Trainer>, JobError> {
        let data =
            input(job, "data", "data.bin").ok_or_else(|| JobError::Data("no data".into()))?;
        let mut rng = stream(&job.key, Purpose::Init, 0);
        let weights = match input(job, "from", "model.bin") {
            Some(path) => from_file(&path)?,
            None => (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect(),
        };
        let lr = job
            .node
            .value("optim")
            .and_then(|o| o.get("lr"))
            .and_then(align_schema::Value::number);
        Ok(Box::new(Sgd {
            data: from_file(&data)?,
            weights,
            momentum: vec![0.0; DIM],
            lr: lr.unwrap_or(0.01),
            pause: field(&job.node, "pause").unwrap_or(0.0) as u64,
            job: job.clone(),
        }))
    }

    fn dataset(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
        let rows = field(&job.node, "count").unwrap_or(64.0) as usize;
        // With `fixed` the rows depend on nothing, as a file's would.
        let fixed = align_plan::Key(align_plan::Digest("fixed".into()));
        let key = job.node.value("fixed").map_or(&job.key, |_| &fixed);
        let mut rng = stream(key, Purpose::Data, 0);
        let mut values = Vec::new();
        for i in 0..rows {
            let x: Vec<f64> = (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect();
            let y: f64 = x.iter().zip(TRUTH).map(|(x, t)| x * t).sum();
            values.extend(&x);
            values.push(y + rng.random_range(-0.1..0.1));
            progress(i as f64 / rows as f64, "rows");
        }
        Ok(Made {
            files: [("data.bin".to_owned(), to_bytes(&values))].into(),
            metrics: [("samples".to_owned(), rows as f64)].into(),
            evaluation: None,
        })
    }

    fn cascade(&self, job: &Job, _: OnProgress<'_>) -> Result<Made, JobError> {
        let first = input(job, "member.0", "model.bin")
            .ok_or_else(|| JobError::Data("no member".into()))?;
        let second = input(job, "member.1", "model.bin")
            .ok_or_else(|| JobError::Data("no member".into()))?;
        let (a, b) = (from_file(&first)?, from_file(&second)?);
        let mean: Vec<f64> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| f64::midpoint(*a, *b))
            .collect();
        let far: f64 = mean.iter().zip(TRUTH).map(|(w, t)| (w - t).powi(2)).sum();
        let score = 100.0 / (1.0 + far);
        Ok(Made {
            files: [("model.bin".to_owned(), to_bytes(&mean))].into(),
            metrics: BTreeMap::new(),
            evaluation: Some(Evaluation {
                metrics: [("score".to_owned(), score)].into(),
                episodes: Episodes {
                    scores: vec![score],
                    returns: vec![score],
                },
            }),
        })
    }

    fn semantics(&self, node: &Node) -> Vec<(String, u32)> {
        vec![(format!("{:?}", node.kind), 1)]
    }

    fn preflight(&self, node: &Node) -> Result<(), String> {
        match node.value("impossible") {
            Some(_) => Err("this data is of the wrong shape".into()),
            None => Ok(()),
        }
    }

    fn sources(&self, node: &Node) -> Vec<PathBuf> {
        match node.value("file") {
            Some(align_schema::Value::Str(path)) => vec![path.into()],
            _ => Vec::new(),
        }
    }
}
