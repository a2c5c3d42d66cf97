//! Settings of reading pictures: what `--fit`, `--invert` and the like say, as plain values for section `[run]` of a
//! configuration. Nothing is optional, so that a file shows every setting. Tests: here.

use std::path::PathBuf;

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
    Pad,
    /// Scaled to fill the square, what stands out is cut off
    Crop,
    /// Width and height scaled apart
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
    /// Whether rows and columns are exchanged.
    pub transpose: Choice,
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
            transpose: Choice::Auto,
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
            ..DataSettings::default()
        };
        assert_eq!(toml::from_str::<DataSettings>(&toml::to_string(&set).unwrap()).unwrap(), set);
        assert!(toml::from_str::<DataSettings>(&told.replace("\"auto\"", "\"often\"")).is_err());
        let options = set.options(Some(28));
        assert_eq!((options.fit, options.ink, options.size), (Fit::Mnist, Ink::Light, Some(28)));
    }
}
