//! Quantiles of the beta distribution with alpha = beta = 0.6, by which arXiv 2407.12173 spaces sigmas.
//!
//! Tests: here, and `tests/it/scheduler_settings.rs`.

/// Both parameters.
const A: f64 = 0.6;

/// Gamma(A)² / Gamma(2 A).
const BETA_FUNCTION: f64 = 2.4153442080024723;

/// Share of the distribution below x, for x up to 1/2: `x^a (1-x)^a / (a B) · Σ_n Π_k (2a + k) / (a + 1 + k) x^n`.
fn share_below(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while term > 1e-17 * sum {
        term *= (2.0 * A + k) / (A + 1.0 + k) * x;
        sum += term;
        k += 1.0;
    }
    libm::exp(A * (libm::log(x) + libm::log(1.0 - x))) / (A * BETA_FUNCTION) * sum
}

/// The x below which this share of the distribution lies, by bisection; the distribution is symmetric.
pub(super) fn beta_quantile(share: f64) -> f64 {
    if share > 0.5 {
        return 1.0 - beta_quantile(1.0 - share);
    }
    let (mut low, mut high) = (0.0, 0.5);
    if share <= 0.0 {
        return low;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if share_below(middle) < share { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCIPY: [(f64, f64); 7] = [
        (1e-06, 1.8558824624053043e-10),
        (0.01, 0.0008612388215429059),
        (0.1, 0.03958440558878085),
        (0.3, 0.23401700387523572),
        (0.5, 0.5000000000000001),
        (0.75, 0.824319621347305),
        (0.999, 0.9999814412614826),
    ];

    /// scipy.stats.beta.ppf.
    #[test]
    fn quantiles_are_those_of_scipy() {
        for (share, want) in SCIPY {
            let got = beta_quantile(share);
            assert!((got - want).abs() <= 1e-13, "{share}: {got} instead of {want}");
        }
        assert_eq!((beta_quantile(0.0), beta_quantile(1.0)), (0.0, 1.0));
    }
}
