//! How does a model move?  A compiled model, shared by all, and the state of one simulation.

use std::ffi::{CStr, CString, c_char, c_uint};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use crate::Error;
use crate::api::{Api, Opaque};

/// Parts of the state, as `mj_getState` numbers them in every release.
const TIME: c_uint = 1 << 0;
const POSITIONS: c_uint = 1 << 1;
const VELOCITIES: c_uint = 1 << 2;
/// Controls stand at one of these two: a release in between put another part before them.
const CONTROLS: [c_uint; 2] = [1 << 5, 1 << 6];

/// A compiled model.  Read-only: any number of simulations share it.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    api: &'static Api,
    raw: Opaque,
    positions: usize,
    velocities: usize,
    controls: usize,
    control_bit: c_uint,
    timestep: f64,
}

// SAFETY: nothing writes to a compiled model after it is made, and MuJoCo's API reads it from any number of threads.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: made by `mj_loadXML`, and every simulation that points to it holds an `Arc`.
        unsafe { (self.api.delete_model)(self.raw) }
    }
}

impl Model {
    /// Compiles the text of a model.
    pub(crate) fn compile(api: &'static Api, xml: &str) -> Result<Self, Error> {
        // MuJoCo reads models from files only, in a way that all releases share.
        let mut file = tempfile::Builder::new().suffix(".xml").tempfile()?;
        file.write_all(xml.as_bytes())?;
        let name =
            CString::new(file.path().as_os_str().as_bytes()).map_err(std::io::Error::other)?;
        let mut message = vec![0u8; 1024];
        // SAFETY: the name ends in a zero byte, the message's length is given, and no virtual file system is asked for.
        let raw = unsafe {
            (api.load)(
                name.as_ptr(),
                std::ptr::null_mut(),
                message.as_mut_ptr().cast::<c_char>(),
                message.len() as i32,
            )
        };
        let refused = |why: String| Error::Model {
            version: api.version.clone(),
            why,
        };
        if raw.is_null() {
            let why = CStr::from_bytes_until_nul(&message)
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default();
            return Err(refused(why));
        }
        // SAFETY: `raw` is a whole model.
        let size = |bits| unsafe { (api.size)(raw, bits) }.max(0) as usize;
        let mut model = Inner {
            api,
            raw,
            positions: size(POSITIONS),
            velocities: size(VELOCITIES),
            controls: 0,
            control_bit: 0,
            timestep: 0.0,
        };
        model.probe().map_err(refused)?;
        Ok(Self(Arc::new(model)))
    }
}

impl Inner {
    /// Finds the controls among the parts of the state, and the time step.
    fn parts(&self, data: Opaque) -> (c_uint, usize, f64) {
        let Inner { api, raw, .. } = *self;
        let part = |bit| {
            // SAFETY: `mj_stateSize` says how many numbers `mj_getState` writes.
            unsafe {
                let mut values = vec![0.0; (api.size)(raw, bit).max(0) as usize];
                (api.get)(raw, data, values.as_mut_ptr(), bit);
                values
            }
        };
        let time = part(TIME).first().copied().unwrap_or(0.0);
        // After a step from rest the solver's warm start is not zero, and controls that nobody set are.
        let first = part(CONTROLS[0]);
        if first.iter().all(|x| x.abs() == 0.0) {
            (CONTROLS[0], first.len(), time)
        } else {
            (CONTROLS[1], part(CONTROLS[1]).len(), time)
        }
    }

    fn probe(&mut self) -> Result<(), String> {
        // SAFETY: the model is whole; the data is deleted below, on the only way out.
        let data = unsafe { (self.api.make_data)(self.raw) };
        if data.is_null() {
            return Err("no memory for its state".into());
        }
        // SAFETY: both belong together.
        unsafe { (self.api.step)(self.raw, data) };
        (self.control_bit, self.controls, self.timestep) = self.parts(data);
        // SAFETY: made above, used nowhere else.
        unsafe { (self.api.delete_data)(data) };
        Ok(())
    }
}

impl Model {
    /// Seconds of one physics step.
    pub fn timestep(&self) -> f64 {
        self.0.timestep
    }
    /// Numbers of a control.
    pub fn controls(&self) -> usize {
        self.0.controls
    }
    /// The library's version, such as `3.3.7`.
    pub fn version(&self) -> &str {
        &self.0.api.version
    }
    /// A simulation of this model, in its reference state.
    pub fn simulate(&self) -> Result<Data, Error> {
        let model = Arc::clone(&self.0);
        // SAFETY: the model is whole.
        let raw = unsafe { (model.api.make_data)(model.raw) };
        if raw.is_null() {
            return Err(Error::Model {
                version: model.api.version.clone(),
                why: "no memory for another simulation".into(),
            });
        }
        let mut data = Data {
            state: vec![0.0; model.positions + model.velocities],
            model,
            raw,
        };
        data.reset();
        Ok(data)
    }
}

/// The state of one simulation.
pub struct Data {
    model: Arc<Inner>,
    raw: Opaque,
    /// Positions and velocities as they are now.
    state: Vec<f64>,
}

// SAFETY: the data belongs to this value alone; methods that reach into it take `&mut self`.
unsafe impl Send for Data {}
// SAFETY: what takes `&self` reads only `state`.
unsafe impl Sync for Data {}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: made by `mj_makeData`, and nothing else points to it.
        unsafe { (self.model.api.delete_data)(self.raw) }
    }
}

impl Data {
    /// Joint positions.
    pub fn positions(&self) -> &[f64] {
        &self.state[..self.model.positions]
    }
    /// Joint velocities.
    pub fn velocities(&self) -> &[f64] {
        &self.state[self.model.positions..]
    }
    /// The model of this simulation.
    pub fn model(&self) -> Model {
        Model(Arc::clone(&self.model))
    }

    /// The reference state, without memory of what came before.
    pub fn reset(&mut self) {
        let Inner { api, raw, .. } = *self.model;
        // SAFETY: model and data belong together.
        unsafe { (api.reset)(raw, self.raw) };
        self.read();
    }

    /// Sets positions and velocities and computes all that follows from them.  Slices of another length are cut or filled up with zeros.
    pub fn place(&mut self, positions: &[f64], velocities: &[f64]) {
        let split = self.model.positions;
        let mut state = vec![0.0; self.state.len()];
        let (q, v) = state.split_at_mut(split);
        q.iter_mut()
            .zip(positions)
            .for_each(|(to, from)| *to = *from);
        v.iter_mut()
            .zip(velocities)
            .for_each(|(to, from)| *to = *from);
        let Inner { api, raw, .. } = *self.model;
        // SAFETY: model and data belong together, and the state has the length of these parts.
        unsafe {
            (api.set)(raw, self.raw, state.as_ptr(), POSITIONS | VELOCITIES);
            (api.forward)(raw, self.raw);
        }
        self.read();
    }

    /// Advances by `steps` physics steps under one control of [`Model::controls`] numbers; another length changes nothing.
    pub fn step(&mut self, control: &[f64], steps: usize) {
        let Inner {
            api,
            raw,
            controls,
            control_bit,
            ..
        } = *self.model;
        if control.len() != controls {
            return;
        }
        // SAFETY: model and data belong together, and the control has the length of its part.
        unsafe {
            (api.set)(raw, self.raw, control.as_ptr(), control_bit);
            for _ in 0..steps {
                (api.step)(raw, self.raw);
            }
        }
        self.read();
    }

    fn read(&mut self) {
        let Inner { api, raw, .. } = *self.model;
        // SAFETY: `state` has the length of these parts.
        unsafe {
            (api.get)(
                raw,
                self.raw,
                self.state.as_mut_ptr(),
                POSITIONS | VELOCITIES,
            );
        }
    }
}
