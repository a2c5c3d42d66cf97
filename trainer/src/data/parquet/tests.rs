use super::*;

/// By pyarrow, as the library `datasets` does (`make_fixtures.py parquet`).
const SHARD: &[u8] = include_bytes!("../../../../tests/fixtures/packed/shard.parquet");
/// Without names, by gzip, in pages of version 2; the last row has no picture.
const GAP: &[u8] = include_bytes!("../../../../tests/fixtures/packed/gap.parquet");
const ZSTD: &[u8] = include_bytes!("../../../../tests/fixtures/packed/zstd.parquet");

#[test]
fn pictures_and_named_classes_are_read() {
    let rows = read(SHARD).unwrap();
    assert_eq!(rows.classes, ["blue", "green", "red"]);
    assert_eq!(rows.pictures.iter().map(|(_, label)| *label).collect::<Vec<_>>(), [2, 0, 1, 0, 2]);
    let first = |row: usize| image::load_from_memory(&rows.pictures[row].0).unwrap().into_rgb8().get_pixel(3, 3).0;
    assert_eq!([0, 1, 2, 3, 4].map(first), [[200, 30, 40], [20, 60, 220], [30, 180, 60], [20, 60, 220], [200, 30, 40]]);
}

#[test]
fn rows_without_a_picture_and_packing_that_is_not_read_are_told() {
    let message = read(GAP).unwrap_err();
    assert!(message.contains("row 4") && message.contains("no picture"), "{message}");
    let message = read(ZSTD).unwrap_err();
    assert!(message.contains("packed by Zstandard"), "{message}");
}

#[test]
fn damage_is_told_wherever_it_is() {
    for cut in 0..SHARD.len() {
        assert!(read(&SHARD[..cut]).is_err());
    }
    for at in 0..SHARD.len() {
        let mut flipped = SHARD.to_vec();
        flipped[at] ^= 0x5a;
        // Told, or in bytes that mean nothing, or in a picture, which is told later.
        let _ = read(&flipped);
    }
}

#[test]
fn snappy_copies_what_came_before() {
    // "abcd" as a literal, then four of them, and five that reach into themselves.
    let packed = [13, 0b1100, b'a', b'b', b'c', b'd', 0b001, 4, 0b1_0010, 1, 0];
    assert_eq!(snappy::unpacked(&packed, 13).unwrap(), b"abcdabcdddddd");
    assert!(snappy::unpacked(&packed, 12).is_none() && snappy::unpacked(&packed[..9], 13).is_none());
    assert!(snappy::unpacked(&[4, 0b001, 4], 4).is_none(), "there is nothing before");
}
