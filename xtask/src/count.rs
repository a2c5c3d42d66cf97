//! How many tests passed and failed.

use std::ops::AddAssign;

use anyhow::{Result, bail};

use crate::command::say;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A runner that fails without a failed test (it crashed, or did not compile) counts as one failure.
pub fn settle(mut count: Count, ok: bool, runner: &str) -> Result<Count> {
    if !ok && count.failed == 0 {
        say(format!("`{runner}` broke off"));
        count.failed = 1;
    }
    if ok && count == Count::default() {
        bail!("`{runner}` ran no test");
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_that_breaks_off_is_a_failure() {
        assert_eq!(settle(Count::default(), false, "x").unwrap().failed, 1);
        assert!(settle(Count::default(), true, "x").is_err());
    }
}
