//! Statistics of a report: mean with interval, interquartile mean, gain, spread.  Must not know where the numbers come from.
//!
//! The interquartile mean and the advice to give intervals follow Agarwal et al. 2021, "Deep reinforcement learning at the
//! edge of the statistical precipice".

/// Arithmetic mean; none of an empty slice.
pub fn mean(xs: &[f64]) -> Option<f64> {
    if xs.is_empty() {
        None
    } else {
        Some(xs.iter().sum::<f64>() / xs.len() as f64)
    }
}

/// Sample standard deviation (n - 1); 0 for a single number.
pub fn std(xs: &[f64]) -> Option<f64> {
    let m = mean(xs)?;
    if xs.len() < 2 {
        return Some(0.0);
    }
    let ss: f64 = xs.iter().map(|x| (x - m).powi(2)).sum();
    Some((ss / (xs.len() - 1) as f64).sqrt())
}

/// Quantile by linear interpolation between order statistics (`q` in 0..=1).
pub fn quantile(xs: &[f64], q: f64) -> Option<f64> {
    let mut sorted = xs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (lo, hi) = (at.floor() as usize, at.ceil() as usize);
    let (a, b) = (*sorted.get(lo)?, *sorted.get(hi)?);
    Some(a + (b - a) * (at - lo as f64))
}

/// Mean of the middle half: a quarter of the total weight is cut at each end, parts of a number included.
pub fn iqm(xs: &[f64]) -> Option<f64> {
    let mut sorted = xs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let (lo, hi) = (n * 0.25, n * 0.75);
    let mut sum = 0.0;
    let mut weight = 0.0;
    for (i, x) in sorted.iter().enumerate() {
        let w = ((i as f64 + 1.0).min(hi) - (i as f64).max(lo)).max(0.0);
        sum += w * x;
        weight += w;
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Mean and half width of its two-sided Student interval at `level` (0.95 for 95%); no half width from fewer than two numbers.
pub fn mean_ci(xs: &[f64], level: f64) -> Option<(f64, Option<f64>)> {
    let m = mean(xs)?;
    if xs.len() < 2 {
        return Some((m, None));
    }
    let se = std(xs)? / (xs.len() as f64).sqrt();
    let t = student_quantile(
        0.5 + level.clamp(0.0, 0.999_999) / 2.0,
        (xs.len() - 1) as f64,
    );
    Some((m, Some(t * se)))
}

/// Share of pairs in which `a` is above `b`, ties counted half.
pub fn probability_of_improvement(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut wins = 0.0;
    for x in a {
        for y in b {
            wins += match x.total_cmp(y) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    Some(wins / (a.len() * b.len()) as f64)
}

/// The `p` quantile of Student's distribution with `nu` degrees of freedom, for `p` of at least 0.5.
///
/// Bisection on the distribution function, which is a regularised incomplete beta function.
pub fn student_quantile(p: f64, nu: f64) -> f64 {
    let cdf = |t: f64| 1.0 - 0.5 * incomplete_beta(nu / (nu + t * t), nu / 2.0, 0.5);
    let (mut lo, mut hi) = (0.0, 1.0);
    while cdf(hi) < p && hi < 1e8 {
        hi *= 2.0;
    }
    for _ in 0..100 {
        let mid = 0.5 * (lo + hi);
        if cdf(mid) < p {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    0.5 * (lo + hi)
}

/// Regularised incomplete beta function by its continued fraction (DLMF 8.17.22), with the modified Lentz recursion.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let (mut c, mut d) = (1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0)));
    let mut f = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / (1.0 + even * d);
        c = 1.0 + even / c;
        f *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / (1.0 + odd * d);
        c = 1.0 + odd / c;
        f *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front * f
}

/// Logarithm of the gamma function for positive `x`: the recurrence up to 10, then Stirling's series (DLMF 5.11.1).
fn ln_gamma(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut x = x;
    while x < 10.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let inv = 1.0 / x;
    let inv2 = inv * inv;
    let series = inv * (1.0 / 12.0 - inv2 * (1.0 / 360.0 - inv2 * (1.0 / 1260.0 - inv2 / 1680.0)));
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_quantiles_are_those_of_the_tables() {
        // NIST handbook 1.3.6.7.2.
        for (p, nu, t) in [
            (0.975, 1.0, 12.706),
            (0.975, 4.0, 2.776),
            (0.95, 10.0, 1.812),
            (0.995, 30.0, 2.750),
        ] {
            assert!((student_quantile(p, nu) - t).abs() < 1e-3, "{p} {nu}");
        }
    }

    #[test]
    fn interquartile_mean_cuts_a_quarter_at_each_end() {
        assert!((iqm(&[0.0, 1.0, 2.0, 100.0]).unwrap() - 1.5).abs() < 1e-12);
        // Weights of 1/4, 1, 1/4 on the middle three of three numbers: 0.25, 1, 0.25.
        assert!(
            (iqm(&[0.0, 10.0, 50.0]).unwrap() - (0.25 * 0.0 + 10.0 + 0.25 * 50.0) / 1.5).abs()
                < 1e-12
        );
        assert!((iqm(&[7.0]).unwrap() - 7.0).abs() < 1e-12);
        assert_eq!(iqm(&[]), None);
    }

    #[test]
    fn an_interval_needs_two_numbers() {
        assert_eq!(mean_ci(&[3.0], 0.95).unwrap(), (3.0, None));
        let (m, half) = mean_ci(&[1.0, 3.0], 0.95).unwrap();
        assert!((m - 2.0).abs() < 1e-12);
        assert!((half.unwrap() - 12.706).abs() < 1e-2);
    }

    #[test]
    fn improvement_counts_ties_half() {
        assert_eq!(probability_of_improvement(&[1.0, 2.0], &[1.0]), Some(0.75));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
