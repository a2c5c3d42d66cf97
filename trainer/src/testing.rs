//! Helpers of the unit tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of its own for one test, removed at its end.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("digit-diffusion-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// 28x28 digits drawn with thick strokes: 0, 7, and for every other label a 1.
pub fn drawn_digit(label: u16) -> Vec<u8> {
    let distance: fn(f32, f32) -> f32 = match label {
        0 => |x, y| (((x - 13.5) / 6.5).hypot((y - 13.5) / 9.0) - 1.0).abs() * 7.0,
        7 => |x, y| {
            let bar = segment(x, y, [7.0, 5.0], [20.0, 5.0]);
            bar.min(segment(x, y, [20.0, 5.0], [11.0, 23.0]))
        },
        _ => |x, y| segment(x, y, [15.0, 4.0], [13.0, 23.0]),
    };
    let level = |i: usize| {
        let d = distance((i % 28) as f32, (i / 28) as f32);
        ((2.0 - d).clamp(0.0, 1.0) * 255.0) as u8
    };
    (0..28 * 28).map(level).collect()
}

fn segment(x: f32, y: f32, a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let t = (((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
}
