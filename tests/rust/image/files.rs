use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array2, Array3, array};
use rilievo::Error;
use rilievo::image::{Limits, Picture, Plane, Source, read_picture, read_plane, write_png};

fn plane_of(path: &Path) -> Plane {
    read_plane(&file(path), Limits::default()).unwrap()
}

fn file(path: &Path) -> Source {
    Source::open(path).unwrap()
}

/// An OpenEXR file with one channel.
fn write_exr(path: &Path, channel: &str, size: (usize, usize), values: Vec<f32>) {
    use exr::prelude::*;
    let channels = SpecificChannels::build()
        .with_channel(channel)
        .with_pixel_fn(move |place: Vec2<usize>| (values[place.y() * size.0 + place.x()],));
    let layer = Layer::new(
        size,
        LayerAttributes::default(),
        Encoding::FAST_LOSSLESS,
        channels,
    );
    Image::from_layer(layer).write().to_file(path).unwrap();
}

#[test]
fn depth_channels_of_openexr_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth.exr");
    let values = vec![0.25, 1000.5, f32::INFINITY, -3.0, 0.0, 1e-20];
    for channel in ["Z", "Y", "ViewLayer.Depth.Z", "whatever"] {
        write_exr(&path, channel, (3, 2), values.clone());
        let expected = Array2::from_shape_vec((2, 3), values.clone()).unwrap();
        assert_eq!(plane_of(&path), Plane::F32(expected), "{channel}");
    }
    let few = Limits { max_pixels: 5 };
    assert!(
        read_plane(&file(&path), few)
            .unwrap_err()
            .to_string()
            .contains("3x2")
    );
    // It has no colours.
    assert!(matches!(
        read_picture(&file(&path), Limits::default()),
        Err(Error::Unreadable { .. })
    ));
}

#[test]
fn linear_light_gets_the_srgb_curve() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("light.exr");
    let pixels = [
        [0.0_f32, 0.002, 0.214_041_14],
        [1.0, 7.0, -1.0],
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY],
    ];
    exr::prelude::write_rgb_file(&path, 3, 1, |x, _| (pixels[x][0], pixels[x][1], pixels[x][2])).unwrap();
    let picture = read_picture(&file(&path), Limits::default()).unwrap();
    let expected = array![[[0, 7, 128], [255, 255, 0], [0, 255, 0]]];
    assert_eq!(picture.rgb(), &expected);
    assert_eq!(picture.alpha(), None);
}

#[test]
fn tiff_numbers_of_all_kinds_are_read() {
    use tiff::encoder::{TiffEncoder, colortype};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth.tiff");
    macro_rules! check {
        ($color:ty, $values:expr, $expected:expr) => {{
            let mut file = Cursor::new(Vec::new());
            TiffEncoder::new(&mut file)
                .unwrap()
                .write_image::<$color>(2, 1, &$values)
                .unwrap();
            fs::write(&path, file.into_inner()).unwrap();
            assert_eq!(plane_of(&path), $expected);
        }};
    }
    check!(colortype::Gray8, [3, 255], Plane::U8(array![[3, 255]]));
    check!(colortype::Gray16, [3, 65535], Plane::U16(array![[3, 65535]]));
    check!(
        colortype::Gray32,
        [3, u32::MAX],
        Plane::U32(array![[3, u32::MAX]])
    );
    check!(colortype::GrayI8, [-3, 127], Plane::I32(array![[-3, 127]]));
    check!(
        colortype::GrayI16,
        [-3, i16::MAX],
        Plane::I32(array![[-3, 32767]])
    );
    check!(
        colortype::GrayI32,
        [-3, i32::MAX],
        Plane::I32(array![[-3, i32::MAX]])
    );
    check!(
        colortype::Gray32Float,
        [0.5, -7.0],
        Plane::F32(array![[0.5, -7.0]])
    );
    check!(
        colortype::Gray64Float,
        [0.5, 1e30],
        Plane::F32(array![[0.5, 1e30]])
    );
    check!(
        colortype::RGB16,
        [7, 8, 9, 10, 11, 12],
        Plane::U16(array![[7, 10]])
    );
}

#[test]
fn pictures_go_out_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let rgb = Array3::from_shape_fn((5, 4, 3), |(y, x, c)| (y * 40 + x * 9 + c) as u8);
    write_png(&path, rgb.view(), &[("Software".into(), "a test".into())]).unwrap();
    let picture = read_picture(&file(&path), Limits::default()).unwrap();
    assert_eq!(picture, Picture::new(rgb, None).unwrap());

    // A folder cannot be replaced: an error, and no temporary file stays.
    let taken = folder.path().join("taken.png");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("inside"), b"").unwrap();
    assert!(matches!(
        write_png(&taken, picture.rgb().view(), &[]),
        Err(Error::Io { .. })
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn parts_of_a_picture_must_fit() {
    let rgb = Array3::zeros((2, 3, 3));
    assert!(Picture::new(rgb.clone(), Some(Array2::zeros((3, 2)))).is_err());
    assert!(Picture::new(Array3::zeros((2, 3, 4)), None).is_err());
    assert!(Picture::new(Array3::zeros((0, 3, 3)), None).is_err());
    assert_eq!(Picture::new(rgb, None).unwrap().size().to_string(), "3x2");
}

#[test]
fn broken_files_are_errors_and_never_panics() {
    // Every byte of small files in turn damaged: whatever comes out, it is a result.
    let folder = tempfile::tempdir().unwrap();
    let plane = Array2::from_shape_fn((9, 9), |(y, x)| (y * 9 + x) as u16 * 700);
    let png = folder.path().join("whole.png");
    write_png(&png, plane.view(), &[]).unwrap();
    let exr = folder.path().join("whole.exr");
    write_exr(
        &exr,
        "Z",
        (9, 9),
        plane.iter().map(|&value| value.into()).collect(),
    );
    let tiff = folder.path().join("whole.tiff");
    ::image::ImageBuffer::<::image::Luma<u16>, _>::from_raw(9, 9, plane.into_raw_vec_and_offset().0)
        .unwrap()
        .save(&tiff)
        .unwrap();
    let limits = Limits { max_pixels: 10_000 };
    let damaged = folder.path().join("damaged");
    for whole in [png, exr, tiff] {
        let bytes = fs::read(whole).unwrap();
        for index in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[index] ^= 0xff;
            fs::write(&damaged, bytes).unwrap();
            let _ = read_picture(&file(&damaged), limits);
            let _ = read_plane(&file(&damaged), limits);
        }
    }
}
