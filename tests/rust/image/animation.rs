use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use image::AnimationDecoder;
use image::codecs::{gif::GifDecoder, png::PngDecoder};
use ndarray::{Array2, Array3};
use rilievo::Error;
use rilievo::image::{AnimationFormat, AnimationWriter, Size};

use crate::allocator::most_held;

const SIZE: Size = Size {
    width: 40,
    height: 30,
};
const PALETTE: [[u8; 3]; 4] = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 99, 255]];

fn indices(frame: usize) -> Array2<u8> {
    Array2::from_shape_fn((SIZE.height, SIZE.width), |(y, x)| {
        ((x / 3 + y * frame) % PALETTE.len()) as u8
    })
}

fn pixels(frame: usize) -> Array3<u8> {
    let indices = indices(frame);
    Array3::from_shape_fn((SIZE.height, SIZE.width, 3), |(y, x, c)| {
        PALETTE[usize::from(indices[[y, x]])][c]
    })
}

fn add(writer: &mut AnimationWriter, format: AnimationFormat, frame: usize) -> Result<(), Error> {
    match format {
        AnimationFormat::Png => writer.add(pixels(frame).view()),
        AnimationFormat::Gif => writer.add_indexed(indices(frame).view(), &PALETTE),
    }
}

fn write(path: &Path, format: AnimationFormat, frames: usize) {
    let mut writer = AnimationWriter::create(path, format, SIZE, frames, 24.0).unwrap();
    for frame in 0..frames {
        add(&mut writer, format, frame).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn what_is_added_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for format in AnimationFormat::ALL {
        let name = format.name();
        let path = folder.path().join(name);
        write(&path, format, 5);
        let file = BufReader::new(File::open(&path).unwrap());
        let frames = match format {
            AnimationFormat::Png => PngDecoder::new(file).unwrap().apng().unwrap().into_frames(),
            AnimationFormat::Gif => GifDecoder::new(file).unwrap().into_frames(),
        };
        let frames = frames.collect_frames().unwrap();
        assert_eq!(frames.len(), 5);
        for (index, frame) in frames.iter().enumerate() {
            let rgb: Vec<u8> = frame
                .buffer()
                .pixels()
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect();
            assert_eq!(rgb, pixels(index).into_raw_vec_and_offset().0, "{name} {index}");
            let milliseconds = if format == AnimationFormat::Png { 42 } else { 40 };
            assert_eq!(frame.delay().numer_denom_ms(), (milliseconds, 1));
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_length() {
    let folder = tempfile::tempdir().unwrap();
    for format in AnimationFormat::ALL {
        let name = format.name();
        let held = |frames| most_held(|| write(&folder.path().join(name), format, frames)).1;
        let (short, long) = (held(10), held(1000));
        assert!(
            long < short + 4096,
            "{name}: {short} bytes for 10 frames, {long} for 1000"
        );
    }
}

#[test]
fn an_animation_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for format in AnimationFormat::ALL {
        let name = format.name();
        let path = folder.path().join(name);
        let begin = |size, frames, fps| AnimationWriter::create(&path, format, size, frames, fps);
        let mut writer = begin(SIZE, 2, 10.0).unwrap();
        add(&mut writer, format, 0).unwrap();
        assert!(matches!(writer.finish(), Err(Error::Invalid(_))));
        drop(begin(SIZE, 2, 10.0).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let none = Size { width: 0, ..SIZE };
        for wrong in [begin(SIZE, 0, 10.0), begin(SIZE, 1, 0.0), begin(none, 1, 10.0)] {
            assert!(matches!(wrong, Err(Error::Invalid(_))));
        }
        let mut writer = begin(SIZE, 1, 10.0).unwrap();
        assert!(writer.add(Array3::zeros((4, 4, 3)).view()).is_err());
        assert!(
            writer
                .add_indexed(Array2::from_elem((30, 40), 4).view(), &PALETTE)
                .is_err()
        );
        add(&mut writer, format, 0).unwrap();
        assert!(add(&mut writer, format, 1).is_err());
        writer.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_file(&path).unwrap();
    }
}
