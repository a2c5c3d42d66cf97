//! After a panic the module is unusable, and JavaScript only sees "unreachable": its cause is kept here.

use std::cell::RefCell;
use std::panic::PanicHookInfo;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a panic is written to the console and remembered.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        LAST.with_borrow_mut(|last| *last = Some(describe(info)));
        console_error_panic_hook::hook(info);
    }));
}

/// The last panic, on one line.
pub fn last() -> Option<String> {
    LAST.with_borrow(Clone::clone)
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("no reason given");
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.into(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_cause_and_the_place_are_remembered() {
        super::install_hook();
        assert!(std::panic::catch_unwind(|| panic!("the {} broke", "engine")).is_err());
        let last = super::last().unwrap_or_default();
        assert!(last.starts_with("the engine broke (") && last.contains("panic.rs:"), "{last}");
    }
}
