//! One step of MuJoCo's point-mass maze, without MuJoCo: a ball on two slide joints against square walls.
//!
//! MuJoCo's soft contact (its documentation, "Computation", the dual of the constraint forces) minimises
//! `1/2 (a - a0)' M (a - a0) + sum_i s_i(J_i a - aref_i)`, where `s_i(x) = x^2 / (2 R_i)` for `x < 0` and 0 otherwise.  With a frictionless ball in
//! the plane `a` has two components, so that Newton's method over the active set is exact.  Then semi-implicit Euler with implicit damping.

/// Constants that differ between MuJoCo's releases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solver {
    /// Distance at which a contact begins: the larger of two margins of 0.002 up to 3.4, their sum from 3.5 on.
    margin: f64,
    /// Inverse weight of the ball, as a multiple of 1 / mass.
    inverse_weight: f64,
}

impl Solver {
    /// MuJoCo 2.x, whose inverse weight averages over three axes.
    pub const MUJOCO_2: Self = Self {
        margin: 0.002,
        inverse_weight: 2.0 / 3.0,
    };
    /// MuJoCo 3.0 to 3.4.  This is what scores of this release are measured with: results of D4RL's own release are within its noise.
    pub const MUJOCO_3: Self = Self {
        margin: 0.002,
        inverse_weight: 1.0,
    };
    /// MuJoCo 3.5 and later, where margins add up.
    pub const MUJOCO_3_5: Self = Self {
        margin: 0.004,
        inverse_weight: 1.0,
    };
}

/// Seconds of one step.
pub const DT: f64 = 0.01;
/// Ball radius, in cells.
const RADIUS: f64 = 0.1;
/// Newtons for an action of 1.
pub const GEAR: f64 = 100.0;
/// Newtons for a velocity of 1.
pub const DAMPING: f64 = 1.0;
/// Velocities are clipped to this before each step.
const MAX_SPEED: f64 = 5.0;
/// A sphere of density 1000.
pub const MASS: f64 = 1000.0 * 4.0 / 3.0 * std::f64::consts::PI * RADIUS * RADIUS * RADIUS;
/// `solref`: time constant (the damping ratio is 1).
const TIME_CONSTANT: f64 = 0.02;
/// `solimp`: impedance at no and at full penetration, and the width between.
const IMPEDANCE: (f64, f64, f64) = (0.9, 0.95, 0.001);

/// A contact: its unit normal, `1 / R` and the reference acceleration.
#[derive(Clone, Copy, Default)]
struct Contact {
    normal: [f64; 2],
    stiffness: f64,
    reference: f64,
}

/// Position (in cells) and velocity (cells per second) of the ball.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ball {
    /// Joint positions.
    pub at: [f64; 2],
    /// Joint velocities.
    pub speed: [f64; 2],
}

/// MuJoCo's sigmoid between the two impedances, with its default midpoint 0.5 and power 2.
fn impedance(penetration: f64) -> f64 {
    let (low, high, width) = IMPEDANCE;
    let x = (penetration.abs() / width).min(1.0);
    let y = if x <= 0.5 {
        2.0 * x * x
    } else {
        1.0 - 2.0 * (1.0 - x) * (1.0 - x)
    };
    low + y * (high - low)
}

/// Distance and outward normal from the wall of a cell to the ball's surface, given the ball's centre relative to the cell's.
fn nearest(dx: f64, dy: f64) -> (f64, [f64; 2]) {
    let (ex, ey) = (dx - dx.clamp(-0.5, 0.5), dy - dy.clamp(-0.5, 0.5));
    let d = ex.hypot(ey);
    if d > 1e-12 {
        return (d - RADIUS, [ex / d, ey / d]);
    }
    let (x, y) = (0.5 - dx.abs(), 0.5 - dy.abs());
    if x < y {
        (-x - RADIUS, [dx.signum(), 0.0])
    } else {
        (-y - RADIUS, [0.0, dy.signum()])
    }
}

impl Solver {
    fn contact(&self, dx: f64, dy: f64, speed: [f64; 2]) -> Option<Contact> {
        let (distance, normal) = nearest(dx, dy);
        let depth = distance - self.margin;
        if depth >= 0.0 {
            return None;
        }
        let high = IMPEDANCE.1;
        let spring = 1.0 / (high * high * TIME_CONSTANT * TIME_CONSTANT);
        let damper = 2.0 / (high * TIME_CONSTANT);
        let imp = impedance(depth);
        let approach = normal[0] * speed[0] + normal[1] * speed[1];
        Some(Contact {
            normal,
            stiffness: imp / (1.0 - imp) * MASS / self.inverse_weight,
            reference: -damper * approach - spring * imp * depth,
        })
    }

    /// Advances the ball by one step of [`DT`]; `wall` says which cells are walls, whose centres lie `offset` before whole positions; the action is
    /// clipped to [-1, 1].
    pub fn step(
        &self,
        ball: &mut Ball,
        action: [f64; 2],
        offset: f64,
        wall: impl Fn(i64, i64) -> bool,
    ) {
        let speed = ball.speed.map(|v| v.clamp(-MAX_SPEED, MAX_SPEED));
        let free = [0, 1].map(|k| (GEAR * action[k].clamp(-1.0, 1.0) - DAMPING * speed[k]) / MASS);
        let [px, py] = ball.at.map(|x| x + offset);
        let (ci, cj) = (px.round() as i64, py.round() as i64);
        let mut contacts = [Contact::default(); 9];
        let mut count = 0;
        for i in ci - 1..=ci + 1 {
            for j in cj - 1..=cj + 1 {
                if wall(i, j)
                    && let Some(c) = self.contact(px - i as f64, py - j as f64, speed)
                {
                    contacts[count] = c;
                    count += 1;
                }
            }
        }
        let acceleration = constrained(free, &contacts[..count]);
        for k in 0..2 {
            // Joint damping is implicit: v+ = v + h M a / (M + h c).
            ball.speed[k] = speed[k] + DT * MASS * acceleration[k] / (MASS + DT * DAMPING);
            ball.at[k] += DT * ball.speed[k];
        }
    }
}

/// The minimiser of the contact problem: Newton over the active set, which repeats at the solution.
fn constrained(free: [f64; 2], contacts: &[Contact]) -> [f64; 2] {
    let mut a = free;
    let mut before = None;
    // At most 2^9 sets exist; in practice two or three rounds do.
    for _ in 0..20 {
        let (mut xx, mut xy, mut yy) = (MASS, 0.0, MASS);
        let (mut gx, mut gy) = (MASS * free[0], MASS * free[1]);
        let mut active = 0u16;
        for (bit, c) in contacts.iter().enumerate() {
            let [nx, ny] = c.normal;
            if nx * a[0] + ny * a[1] < c.reference {
                active |= 1 << bit;
                xx += c.stiffness * nx * nx;
                xy += c.stiffness * nx * ny;
                yy += c.stiffness * ny * ny;
                gx += c.stiffness * nx * c.reference;
                gy += c.stiffness * ny * c.reference;
            }
        }
        if before == Some(active) || (active == 0 && before.is_none()) {
            break;
        }
        before = Some(active);
        let det = xx * yy - xy * xy;
        a = [(yy * gx - xy * gy) / det, (xx * gy - xy * gx) / det];
    }
    a
}
