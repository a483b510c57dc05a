//! How are loops compiled for the processor that runs them?  Once for each instruction set, chosen when they run.

/// Makes a function whose body is compiled for the widest vectors of the processor it finds itself on.
///
/// A closure would do if it were sure to be inlined; what is not inlined is compiled for the oldest processors.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$life:lifetime>($($arg:ident: $kind:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name<$life>($($arg: $kind),*) $(-> $out)? {
            struct Run<$life> { $($arg: $kind),* }
            impl<$life> pulp::WithSimd for Run<$life> {
                type Output = vectorised!(@out $($out)?);
                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
                    let Self { $($arg),* } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Run { $($arg),* })
        }
    };
    (@out) => { () };
    (@out $out:ty) => { $out };
}

pub(crate) use vectorised;

/// `e^x`, to 2 units in the last place from -87 to 88; below and above it is the value there.
///
/// Range reduction by powers of two and the polynomial of the Cephes library (`expf`), without branches so that it is one vector's worth of
/// work.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let whole = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let power = whole - ROUND;
    let rest = power.mul_add(-0.693_359_4, x);
    let rest = power.mul_add(2.121_944_4e-4, rest);
    let poly = 1.987_569_1e-4_f32
        .mul_add(rest, 1.398_2e-3)
        .mul_add(rest, 8.333_452e-3)
        .mul_add(rest, 4.166_579_6e-2)
        .mul_add(rest, 1.666_666_5e-1)
        .mul_add(rest, 0.5);
    let near = (rest * rest).mul_add(poly, rest + 1.0);
    let two = f32::from_bits(whole.to_bits().wrapping_add(127) << 23);
    near * two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_the_exponential() {
        for i in -8600..8700 {
            let x = i as f32 / 100.0;
            let (ours, true_one) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (ours / true_one - 1.0).abs() < 2.5e-7,
                "{x}: {ours} and {true_one}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
