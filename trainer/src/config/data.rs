//! Settings of reading pictures: what `--fit`, `--invert` and the like say, as plain values for section `[run]` of a
//! configuration. Nothing is optional, so that a file shows every setting. Tests: here.

use std::path::PathBuf;
use std::str::FromStr;

use intake::{Fit, Ink};
use serde::{Deserialize, Serialize};

use crate::data::{BadPictures, DEFAULT_DIR, ReadOptions, Transpose};

/// How pictures of a size or shape of their own are brought to the network's. [`Fit`] by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FitName {
    /// Whichever suits the pictures of a folder; it is said which
    #[default]
    Auto,
    /// Not at all: pictures of another size are refused
    None,
    /// Scaled to fit whole, ground around it
    #[value(alias = "fit")]
    Pad,
    /// Scaled to fill the square, what stands out is cut off
    Crop,
    /// Width and height scaled apart
    #[value(alias = "fill")]
    Stretch,
    /// Ink on paper: found, cut out and placed as MNIST's digits are; several characters on a sheet are several pictures
    Mnist,
}

/// Yes, no, or what the pictures say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// What the pictures say
    #[default]
    Auto,
    /// Yes
    Yes,
    /// No
    No,
}

/// A number, or "auto" for one that follows from the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Count {
    /// This number.
    Of(usize),
    /// Written "auto".
    Auto(AutoWord),
}

/// The word "auto".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoWord {
    /// The only one.
    Auto,
}

impl Count {
    /// "auto".
    pub const AUTO: Self = Self::Auto(AutoWord::Auto);

    /// The number, if one is given.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Of(number) => Some(number),
            Self::Auto(_) => None,
        }
    }
}

impl From<Option<usize>> for Count {
    fn from(number: Option<usize>) -> Self {
        number.map_or(Self::AUTO, Self::Of)
    }
}

/// The colour of a ground, written `#rrggbb`; none, written as nothing, is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroundColour(pub Option<[u8; 3]>);

impl FromStr for GroundColour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let level = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Ok(Self(match (text, level(0), level(2), level(4)) {
            ("", ..) => None,
            ("white", ..) => Some([255; 3]),
            ("black", ..) => Some([0; 3]),
            (_, Some(red), Some(green), Some(blue)) if digits.len() == 6 => Some([red, green, blue]),
            _ => return Err(format!("\"{text}\" is no colour: give white, black, or one as #336699")),
        }))
    }
}

impl TryFrom<String> for GroundColour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<GroundColour> for String {
    fn from(GroundColour(colour): GroundColour) -> Self {
        colour.map_or_else(Self::new, |[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"))
    }
}

/// How pictures are read and which are held out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSettings {
    /// Folder of MNIST's four files.
    pub mnist: PathBuf,
    /// Labels of an IDX file; empty for the file beside it.
    pub labels: String,
    /// How pictures are brought to the network's size.
    pub fit: FitName,
    /// Whether ink is dark on a light or transparent ground.
    pub invert: Choice,
    /// Whether a new base is taught in colour. One that exists decides itself.
    pub colour: bool,
    /// Ground behind and around pictures in colour; where it is none, white behind them, and around them their own.
    pub ground: GroundColour,
    /// Whether rows and columns are exchanged.
    pub transpose: Choice,
    /// Learn every class as often as every other.
    pub balanced: bool,
    /// Leave out pictures that cannot be used.
    pub skip_bad: bool,
    /// Learn what would be learnt wrongly all the same.
    pub force: bool,
    /// Pictures that the validation loss is measured on.
    pub hold_out: Count,
    /// Whether they are spread evenly over the classes. Runs of versions that did not write these settings drew them at random.
    pub hold_out_evenly: bool,
    /// Side of a new base's pictures in pixels.
    pub image_size: Count,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            mnist: DEFAULT_DIR.into(),
            labels: String::new(),
            fit: FitName::Auto,
            invert: Choice::Auto,
            colour: false,
            ground: GroundColour::default(),
            transpose: Choice::Auto,
            balanced: false,
            skip_bad: false,
            force: false,
            hold_out: Count::AUTO,
            hold_out_evenly: true,
            image_size: Count::AUTO,
        }
    }
}

impl DataSettings {
    /// How a data set is read with these settings, for pictures of `size` where that is settled.
    pub fn options(&self, size: Option<usize>) -> ReadOptions {
        ReadOptions {
            bad: if self.skip_bad { BadPictures::Skip } else { BadPictures::Refuse },
            fit: self.fit.into(),
            ink: match self.invert {
                Choice::Auto => Ink::Auto,
                Choice::Yes => Ink::Dark,
                Choice::No => Ink::Light,
            },
            transpose: match self.transpose {
                Choice::Auto => Transpose::Auto,
                Choice::Yes => Transpose::Yes,
                Choice::No => Transpose::No,
            },
            labels: (!self.labels.is_empty()).then(|| PathBuf::from(&self.labels)),
            colour: self.colour,
            ground: self.ground.0,
            size,
            ..ReadOptions::default()
        }
    }
}

impl From<FitName> for Fit {
    fn from(name: FitName) -> Self {
        match name {
            FitName::Auto => Self::Auto,
            FitName::None => Self::None,
            FitName::Pad => Self::Pad,
            FitName::Crop => Self::Crop,
            FitName::Stretch => Self::Stretch,
            FitName::Mnist => Self::Mnist,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_and_read_again() {
        let told = toml::to_string(&DataSettings::default()).unwrap();
        assert!(told.contains("fit = \"auto\"") && told.contains("hold_out = \"auto\""), "{told}");
        assert_eq!(toml::from_str::<DataSettings>(&told).unwrap(), DataSettings::default());
        let set = DataSettings {
            fit: FitName::Mnist,
            invert: Choice::No,
            hold_out: Count::Of(0),
            image_size: Count::Of(32),
            labels: "labels.idx".into(),
            colour: true,
            ground: "#0a80ff".parse().unwrap(),
            ..DataSettings::default()
        };
        assert_eq!(toml::from_str::<DataSettings>(&toml::to_string(&set).unwrap()).unwrap(), set);
        assert!(toml::from_str::<DataSettings>(&told.replace("\"auto\"", "\"often\"")).is_err());
        let options = set.options(Some(28));
        assert_eq!((options.fit, options.ink, options.size), (Fit::Mnist, Ink::Light, Some(28)));
    }
}
