use std::path::Path;

use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| i.to_string()).collect()
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let refused = |pixels: usize, labels: Vec<u16>, size| {
        Dataset::new("x.idx", vec![0; pixels], labels, size, names(3)).unwrap_err().to_string()
    };
    assert!(refused(0, vec![], 4).contains("no picture"));
    assert!(refused(36, vec![0], 6).contains("multiple of 4"));
    assert!(refused(33, vec![0, 1], 4).contains("2 labels"));
    assert!(refused(32, vec![0, 3], 4).contains("label 3"));
    assert!(refused(32, vec![0, 3], 4).contains("x.idx"));
}

#[test]
fn real_digits_are_read_from_the_fixture() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let data = Dataset::from_idx(&fixtures.join("mnist-64.idx3"), &fixtures.join("mnist-64.idx1")).unwrap();
    assert_eq!((data.len(), data.size(), data.class_names().len()), (64, 28, 10));
    assert!(data.images().all(|image| image[0] == 0 && image.iter().any(|&p| p > 200)));
    let styled = data.styled(Style::named("outline").unwrap()).unwrap();
    assert_eq!((styled.len(), styled.labels()), (64, data.labels()));
    assert_ne!(styled.image(63), data.image(63));
}

#[test]
fn batches_and_splits_pick_the_right_pictures() {
    let pixels = (0..5u8).flat_map(|i| [i * 51; 16]).collect();
    let data = Dataset::new("t", pixels, vec![1, 0, 2, 0, 1], 4, names(3)).unwrap();
    let (batch, labels) = data.batch(&[4, 2]);
    assert_eq!((batch.len(), batch[0], batch[16]), (32, from_grey(204), from_grey(102)));
    assert_eq!(labels, [1, 2]);
    assert_eq!(data.first_of_each_class(1), [1, 0, 2]);
    assert_eq!(data.first_of_each_class(2), [1, 3, 0, 4, 2]);
    let (rest, held_out) = data.clone().split(2, 7).unwrap();
    assert_eq!((rest.len(), held_out.len()), (3, 2));
    let mut all: Vec<u8> = rest.images().chain(held_out.images()).map(|image| image[0]).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 51, 102, 153, 204]);
    // Every class keeps a picture, whatever the seed.
    for seed in 0..20 {
        let (rest, _) = data.clone().split(2, seed).unwrap();
        assert_eq!(rest.labels().iter().collect::<BTreeSet<_>>().len(), 3);
    }
    let message = data.split(3, 7).unwrap_err().to_string();
    assert!(message.contains("--hold-out is 2 at most"), "{message}");
}

#[test]
fn every_class_gives_its_share_to_be_held_out() {
    // 4, 4 and 12 pictures.
    let labels: Vec<u16> = [0, 1, 2, 2, 2].repeat(4);
    let data = Dataset::new("t", vec![0; 20 * 16], labels, 4, names(3)).unwrap();
    for seed in 0..20 {
        let (rest, held_out) = data.clone().split_evenly(5, seed).unwrap();
        let of = |data: &Dataset, class| data.labels().iter().filter(|&&label| label == class).count();
        assert_eq!([0, 1, 2].map(|class| of(&held_out, class)), [1, 1, 3], "{seed}");
        assert_eq!([0, 1, 2].map(|class| of(&rest, class)), [3, 3, 9]);
        assert_eq!(data.clone().split_evenly(1, seed).unwrap().1.len(), 1);
    }
    assert!(data.split_evenly(18, 0).is_err());
}

#[test]
fn labels_follow_the_names_of_the_base() {
    let data = Dataset::new("t", vec![0; 32], vec![0, 1], 4, vec!["7".into(), "3".into()]).unwrap();
    let renamed = data.clone().with_classes(&names(10)).unwrap();
    assert_eq!((renamed.labels(), renamed.class_names().len()), (&[7, 3][..], 10));
    let message = data.with_classes(&names(4)).unwrap_err().to_string();
    assert!(message.contains("class 7 is unknown") && message.contains("0, 1, 2, 3;"), "{message}");
}

#[test]
fn pictures_in_colour_go_channel_by_channel() {
    let picture = |red: u8, green: u8, blue: u8| [[red; 16], [green; 16], [blue; 16]].concat();
    let pixels = [picture(250, 0, 50), picture(10, 20, 30)].concat();
    let colour = Dataset::with_channels("t", pixels, vec![0, 1], [3, 4], names(2)).unwrap();
    let (batch, _) = colour.batch(&[1, 0]);
    assert_eq!((batch.len(), batch[16], batch[48]), (96, from_grey(20), from_grey(250)));
    assert_eq!((colour.planes().len(), colour.pick(&[1]).image(0)[47]), (6, 30));
    assert_eq!(colour.clone().transposed(), colour, "of one colour each");
    let grey = colour.clone().in_channels(1);
    assert_eq!((grey.channels(), grey.image(0)[0], grey.image(1)[15]), (1, 56, 18));
    let again = grey.clone().in_channels(3);
    assert_eq!((again.image(0).len(), again.image(0)[47], again.labels()), (48, 56, grey.labels()));
    assert_ne!(again.sha256(), grey.sha256());
    let message = colour.styled(Style::named("outline").unwrap()).unwrap_err().to_string();
    assert!(message.contains("in colour"), "{message}");
    let message = Dataset::with_channels("t", vec![0; 64], vec![0], [4, 4], names(1)).unwrap_err().to_string();
    assert!(message.contains("1 channel or 3, not 4"), "{message}");
}

#[test]
fn classes_take_turns_where_that_is_asked_for() {
    // 2 pictures of one class, 9 of another, none of a third.
    let labels: Vec<u16> = [vec![0; 2], vec![2; 9]].concat();
    let data = Dataset::new("t", vec![0; 11 * 16], labels, 4, names(3)).unwrap();
    assert!((0..11).all(|i| data.turn(i, 5) == i));
    let balanced = data.clone().balanced();
    let epoch = |epoch| (0..11).map(|i| balanced.turn(i, epoch)).collect::<Vec<_>>();
    assert_eq!(epoch(0), [0, 2, 1, 3, 0, 4, 1, 5, 0, 6, 1]);
    let seen: BTreeSet<usize> = (0..3).flat_map(epoch).collect();
    assert_eq!(seen.len(), 2 + 9, "an epoch sees other pictures of a large class than the one before");
    assert_ne!(balanced.sha256(), data.sha256());
    assert_eq!(balanced.pick(&[3]), data.pick(&[3]));
}
