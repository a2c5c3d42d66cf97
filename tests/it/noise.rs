//! The portable generator: golden values from a second implementation (`fixtures/noise_golden.py`), and sanity.

use diffusion::Request;
use diffusion::noise::{NoiseSource, NoiseState, slerp, starting_noise};
use serde_json::Value;

use crate::support::*;

fn golden() -> Vec<(u64, u64, Value)> {
    let cases = json("noise_golden.json")["cases"].clone();
    let number = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let cases = cases.as_array().unwrap().iter();
    cases.map(|case| (number(&case["seed"]), number(&case["stream"]), case.clone())).collect()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn golden_values() {
    let golden = golden();
    assert_eq!(golden.len(), 6);
    for (seed, stream, want) in golden {
        let what = format!("seed {seed}, stream {stream}");
        let source = || NoiseSource::with_stream(seed, stream);

        let mut one = source();
        let uniform: Vec<f32> = (0..40).map(|_| one.uniform()).collect();
        assert_eq!(bits(&uniform), numbers::<u32>(&want["uniform"]), "{what}: uniform");
        assert_eq!(bits(&source().normals(40)), numbers::<u32>(&want["normal"]), "{what}: normal");
        let far = source().normals(10_002)[10_001];
        assert_eq!(u64::from(far.to_bits()), want["normal_10002nd"].as_u64().unwrap(), "{what}: far on");

        let mut one = source();
        let below: Vec<usize> = (0..10).map(|_| one.below(1000)).collect();
        assert_eq!(below, numbers::<usize>(&want["below_1000"]), "{what}: below");
        let mut items: Vec<usize> = (0..20).collect();
        source().shuffle(&mut items);
        assert_eq!(items, numbers::<usize>(&want["shuffled_20"]), "{what}: shuffle");
    }
    assert_eq!(bits(&NoiseSource::new(42).normals(9)), bits(&NoiseSource::with_stream(42, 0).normals(9)));
}

#[test]
fn filling_a_slice_is_drawing_one_by_one() {
    let mut filled = [0.0; 7];
    NoiseSource::new(3).fill_normal(&mut filled);
    let mut source = NoiseSource::new(3);
    assert_eq!(bits(&filled), bits(&[(); 7].map(|()| source.normal())));
}

/// Stopping anywhere and going on gives what going on at once would have given.
#[test]
fn state_is_saved_and_restored() {
    for drawn in [0, 1, 2, 15, 16, 17, 1001] {
        let mut source = NoiseSource::with_stream(42, 9);
        source.normals(drawn);
        if drawn % 3 == 0 {
            source.uniform();
        }
        let text = serde_json::to_string(&source.state()).unwrap();
        let state: NoiseState = serde_json::from_str(&text).unwrap();
        assert_eq!(state, source.state(), "after {drawn}");
        assert_eq!((state.seed, state.stream), (42, 9));
        let mut restored = NoiseSource::from_state(state);
        assert_eq!(bits(&restored.normals(101)), bits(&source.normals(101)), "after {drawn}");
        assert_eq!(restored.state(), source.state(), "after {drawn} and 101");
    }
}

#[test]
fn uniform_numbers_are_uniform() {
    const DRAWS: usize = 1 << 20;
    let mut source = NoiseSource::new(1);
    let mut counts = [0usize; 256];
    let mut sum = 0.0;
    for _ in 0..DRAWS {
        let value = source.uniform();
        assert!((0.0..1.0).contains(&value));
        counts[(value * 256.0) as usize] += 1;
        sum += f64::from(value);
    }
    // Standard error of the mean: 0.289 / 1024.
    assert!((sum / DRAWS as f64 - 0.5).abs() < 4.0 * 0.289 / 1024.0);
    // 255 degrees of freedom: 4 standard deviations of 22.6.
    let expected = DRAWS as f64 / 256.0;
    let chi2: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
    assert!((chi2 - 255.0).abs() < 91.0, "chi-square {chi2}");
}

#[test]
fn normal_numbers_are_normal() {
    const DRAWS: usize = 1 << 20;
    let values = NoiseSource::new(2).normals(DRAWS);
    let moment = |power: i32| values.iter().map(|&z| f64::from(z).powi(power)).sum::<f64>() / DRAWS as f64;
    // Five standard errors each: sqrt of 1, 2, 15, 96 over 1024.
    for (power, want, error) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
        let got = moment(power);
        assert!((got - want).abs() < 5.0 * error / 1024.0, "moment {power} is {got}");
    }
    let share = values.iter().filter(|z| z.abs() < 1.0).count() as f64 / DRAWS as f64;
    assert!((share - 0.682_689).abs() < 5.0 * 0.465 / 1024.0, "within one deviation: {share}");
    // Both numbers of a pair, and neighbours, are independent.
    let lag: f64 = values.windows(2).map(|z| f64::from(z[0] * z[1])).sum::<f64>() / DRAWS as f64;
    assert!(lag.abs() < 5.0 / 1024.0, "correlation of neighbours {lag}");
    // u1 is never 0, so the largest is sqrt(2 * 24 ln 2).
    assert!(values.iter().all(|z| z.abs() < 5.8));
}

#[test]
fn seeds_and_streams_are_different_sequences() {
    let mut all: Vec<Vec<u32>> = Vec::new();
    for seed in [0, 1, 2, 1 << 32, u64::MAX] {
        for stream in [0, 1, 1 << 32, u64::MAX] {
            all.push(bits(&NoiseSource::with_stream(seed, stream).normals(8)));
        }
    }
    for (i, one) in all.iter().enumerate() {
        assert!(!all[..i].contains(one), "sequence {i} repeats an earlier one");
    }
}

#[test]
fn whole_numbers_and_shuffles() {
    let mut source = NoiseSource::new(5);
    let mut counts = [0; 10];
    for _ in 0..100_000 {
        counts[source.below(10)] += 1;
    }
    assert!(counts.iter().all(|&count: &i32| (count - 10_000).abs() < 500), "{counts:?}");
    assert!((0..100).all(|_| source.below(1) == 0));

    let mut items: Vec<usize> = (0..1000).collect();
    source.shuffle(&mut items);
    let moved = items.iter().enumerate().filter(|(i, item)| i != *item).count();
    assert!(moved > 980);
    items.sort_unstable();
    assert!(items.iter().enumerate().all(|(i, &item)| i == item), "nothing lost, nothing doubled");
}

#[test]
fn a_run_begins_with_the_starting_noise_of_its_seed() {
    let run = tiny().generate(Request::new(0, 7)).unwrap();
    assert_eq!(bits(&starting_noise(7, run.sample().len())), bits(run.sample()));
}

/// `sin((1 - t) w) / sin w * a + sin(t w) / sin w * b`, on noises whose angle is known.
#[test]
fn between_two_noises_lies_an_arc() {
    let (from, to) = ([2.0, 0.0, 0.0], [0.0, 2.0, 0.0]);
    let half = slerp(&from, &to, 0.5);
    for (got, want) in half.iter().zip([2f32.sqrt(), 2f32.sqrt(), 0.0]) {
        assert!((got - want).abs() < 1e-6, "{half:?}");
    }
    // 60 degrees apart, a third of the way: 20 degrees.
    let sixty = [1.0, 3f32.sqrt(), 0.0];
    let third = slerp(&from, &sixty, 1.0 / 3.0);
    let angle = 20f32.to_radians();
    for (got, want) in third.iter().zip([2.0 * angle.cos(), 2.0 * angle.sin(), 0.0]) {
        assert!((got - want).abs() < 1e-6, "{third:?}");
    }
}

#[test]
fn its_ends_are_the_noises_bit_for_bit_and_it_stays_as_long_as_noise() {
    let (from, to) = (starting_noise(1, 784), starting_noise(2, 784));
    assert_eq!(bits(&slerp(&from, &to, 0.0)), bits(&from));
    assert_eq!(bits(&slerp(&from, &to, 1.0)), bits(&to));
    let length = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let ends = [length(&from), length(&to)];
    for share in [0.1, 0.25, 0.5, 0.75, 0.9] {
        let way = length(&slerp(&from, &to, share));
        assert!((0.99 * ends[0].min(ends[1])..1.01 * ends[0].max(ends[1])).contains(&way), "{share}: {way}, {ends:?}");
    }
    // From a noise to itself there is no arc.
    for share in [0.0, 0.3, 1.0] {
        assert!(slerp(&from, &from, share).iter().zip(&from).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{share}");
    }
}
