//! Names of classes. The same letter may be one code point or a letter with an accent behind it: macOS writes file names in
//! the second form, keyboards the first. Names are compared, and new ones kept, in the first: Unicode Standard Annex #15,
//! form NFC. Tests: here.

use unicode_normalization::UnicodeNormalization;

/// The name in form NFC.
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// Whether two names are equal but for their Unicode form.
pub fn same(a: &str, b: &str) -> bool {
    a == b || a.nfc().eq(b.nfc())
}

/// Whether two lists have the same names in the same order.
pub fn same_list(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Index of the class with this name. One of the very same code points comes before one that is only the same name.
pub fn position(classes: &[String], name: &str) -> Option<usize> {
    let exact = classes.iter().position(|class| class == name);
    exact.or_else(|| classes.iter().position(|class| same(class, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_every_unicode_form() {
        // é, 각 and Å: composed, decomposed, and Å also as the sign for ångström.
        let pairs = [("\u{e9}", "e\u{301}"), ("\u{ac01}", "\u{1100}\u{1161}\u{11a8}"), ("\u{c5}", "\u{212b}")];
        for (nfc, other) in pairs {
            assert!(same(nfc, other) && composed(other) == nfc, "{nfc} {other}");
        }
        assert!(!same("e", "\u{e9}") && !same("\u{e9}a", "\u{e9}") && !same("2", "\u{b2}"), "{}", composed("\u{b2}"));
        let classes = ["a", "e\u{301}", "\u{e9}"].map(str::to_owned);
        assert_eq!(position(&classes, "\u{e9}"), Some(2), "the very same one first");
        assert_eq!((position(&classes[..2], "\u{e9}"), position(&classes, "b")), (Some(1), None));
        assert!(same_list(&classes[1..2], &classes[2..]) && !same_list(&classes, &classes[..2]));
    }
}
