//! TensorBoard's event files: the curves as scalars, the sample sheets as images.
//!
//! A file is a sequence of TFRecords (TensorFlow, "TFRecord and tf.train.Example"), each an `Event` of
//! `tensorflow/core/util/event.proto`; of its messages only the fields written here are declared. Tests: here, against bytes
//! that TensorBoard has written.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::error::{Error, Result};
use crate::picture::Canvas;

/// The version in the first event. From version 2 on, TensorBoard drops later steps of a crashed run at a [`SessionLog`].
const VERSION: &str = "brain.Event:2";
/// `SessionLog.SessionStatus.START`.
const START: i32 = 1;
/// `Summary.Image.colorspace` of grey pictures.
const GREY: i32 = 1;
const RGB: i32 = 3;

#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

/// An event file that is being written.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// A new file in `dir`, for a run that goes on after `done` steps: TensorBoard drops later steps of files before it.
    ///
    /// # Errors
    /// That it cannot be written.
    pub fn create(dir: &Path, done: usize) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        // TensorBoard reads a folder's files in the order of their names.
        let name = format!("events.out.tfevents.{:010}.trainer.{}", now() as u64, std::process::id());
        let path = dir.join(name);
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        let mut writer = Self { path, file };
        writer.write(&Event { wall_time: now(), file_version: Some(VERSION.into()), ..Event::default() })?;
        writer.write(&restart(now(), done + 1))?;
        Ok(writer)
    }

    /// One point of each curve.
    ///
    /// # Errors
    /// That the file cannot be written.
    pub fn scalars(&mut self, step: usize, scalars: &[(&str, f64)]) -> Result<()> {
        self.write(&scalar_event(now(), step, scalars))
    }

    /// A picture.
    ///
    /// # Errors
    /// A picture that is too large; that the file cannot be written.
    pub fn picture(&mut self, step: usize, tag: &str, canvas: &Canvas) -> Result<()> {
        let refuse = |reason| Error::Picture { path: self.path.clone(), reason };
        let event = picture_event(now(), step, tag, canvas).map_err(refuse)?;
        self.write(&event)
    }

    /// Not buffered, so that a running TensorBoard shows the event and a crash loses nothing.
    fn write(&mut self, event: &Event) -> Result<()> {
        self.file.write_all(&record(&event.encode_to_vec())).map_err(Error::io("write", &self.path))
    }
}

fn restart(wall_time: f64, step: usize) -> Event {
    let session_log = Some(SessionLog { status: START });
    Event { wall_time, step: step as i64, session_log, ..Event::default() }
}

fn scalar_event(wall_time: f64, step: usize, scalars: &[(&str, f64)]) -> Event {
    let value = |&(tag, value): &(&str, f64)| Value {
        tag: tag.to_owned(),
        simple_value: Some(value as f32),
        ..Value::default()
    };
    let summary = Some(Summary { value: scalars.iter().map(value).collect() });
    Event { wall_time, step: step as i64, summary, ..Event::default() }
}

fn picture_event(wall_time: f64, step: usize, tag: &str, canvas: &Canvas) -> std::result::Result<Event, String> {
    let image = Image {
        height: canvas.height() as i32,
        width: canvas.width() as i32,
        colorspace: if canvas.is_coloured() { RGB } else { GREY },
        encoded_image_string: canvas.to_png()?,
    };
    let value = Value { tag: tag.to_owned(), image: Some(image), ..Value::default() };
    Ok(Event { wall_time, step: step as i64, summary: Some(Summary { value: vec![value] }), ..Event::default() })
}

/// A TFRecord: length, its checksum, the bytes, their checksum; all little-endian.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length).to_le_bytes(), bytes, &masked_crc(bytes).to_le_bytes()].concat()
}

/// CRC-32C, rotated and shifted as TFRecords have it.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Seconds since 1970; 0 with a clock that is set before that.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    /// Written by TensorBoard's own writer (`make_fixtures.py tensorboard`).
    const THEIRS: &[u8] = include_bytes!("../../../tests/fixtures/tensorboard.tfevents");

    #[test]
    fn events_are_the_bytes_that_tensorboard_writes() {
        let version = Event { wall_time: 1.5, file_version: Some(VERSION.into()), ..Event::default() };
        let scalars = [("loss/train", 0.25), ("lr", 0.0), ("images_per_second", 266.0)];
        let ours: Vec<u8> = [version, restart(2.5, 7), scalar_event(3.5, 10, &scalars)]
            .iter()
            .flat_map(|event| record(&event.encode_to_vec()))
            .collect();
        assert_eq!(ours, THEIRS);
    }

    #[test]
    fn a_file_holds_the_run_in_order() {
        let dir = tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path(), 4).unwrap();
        writer.scalars(5, &[("lr", 0.5)]).unwrap();
        writer.picture(5, "samples", &Canvas::new(3, 2, 9)).unwrap();
        let events = read(&fs::read(&writer.path).unwrap());
        assert_eq!(events.iter().map(|event| event.step).collect::<Vec<_>>(), [0, 5, 5, 5]);
        assert_eq!(events[0].file_version.as_deref(), Some(VERSION));
        assert_eq!(events[1].session_log, Some(SessionLog { status: START }));
        assert_eq!(events[2].summary.as_ref().unwrap().value[0].simple_value, Some(0.5));
        let image = events[3].summary.as_ref().unwrap().value[0].image.clone().unwrap();
        assert_eq!((image.width, image.height), (3, 2));
        assert!(image::load_from_memory(&image.encoded_image_string).is_ok());
    }

    /// Every record's event, its checksums tested.
    fn read(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let body = &bytes[12..12 + length];
            assert_eq!(record(body), bytes[..16 + length]);
            events.push(Event::decode(body).unwrap());
            bytes = &bytes[16 + length..];
        }
        events
    }
}
