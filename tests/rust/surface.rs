//! Tests of the room `surface`.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3};
use rilievo::depth::{DepthKind, DepthMap};
use rilievo::surface::{
    Axes, CameraOptions, Mesh, MeshFormat, SaveMesh, SimpleMeshOptions, TextureFormat, depth_edges,
    mesh_depth, read_mesh, simple_mesh,
};
use rilievo::{Error, Monitor};
use serde_json::Value;

use crate::golden::{Golden, text_of};

fn options(spherical: bool, occlude: bool) -> SimpleMeshOptions {
    SimpleMeshOptions {
        camera: CameraOptions {
            spherical,
            ..Default::default()
        },
        occlude,
        weld: true,
        ..Default::default()
    }
}

/// What `save` writes to a file of this name in an empty folder.
fn saved(mesh: &Mesh, name: &str, options: SaveMesh) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    mesh.save(&path, &options, &Monitor::silent()).unwrap();
    std::fs::read(path).unwrap()
}

/// That two OBJ texts differ in nothing but comments, blank lines and the "f"
/// that trimesh writes where there are no faces.
fn assert_same_obj(ours: &[u8], theirs: &[u8], case: &Value) {
    let lines = |text| -> Vec<&str> {
        let lines = std::str::from_utf8(text).unwrap().lines().map(str::trim);
        lines
            .filter(|line| !line.starts_with('#') && !["", "f"].contains(line))
            .collect()
    };
    let (ours, theirs) = (lines(ours), lines(theirs));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{case}");
    }
    assert_eq!(ours.len(), theirs.len(), "{case}");
}

#[test]
fn depth_edges_are_the_references() {
    let mut golden = Golden::open("mesh");
    for case in golden.cases("depth_edges_mask") {
        let depth: Array2<f64> = golden.array(text_of(&case, "depth"));
        let edges: Array2<bool> = golden.array(text_of(&case, "out"));
        assert_eq!(depth_edges(depth.view(), 0.05), edges);
    }
}

#[test]
fn meshes_are_the_references() {
    let mut golden = Golden::open("mesh");
    for case in golden.cases("create_mesh") {
        let picture: Array3<u8> = golden.array(text_of(&case, "image"));
        let depth: Array2<f64> = golden.array(text_of(&case, "depth"));
        let flag = |name: &str| case[name].as_bool().unwrap();
        let options = options(flag("spherical"), !flag("keep_edges"));
        let mesh = simple_mesh(picture.view(), depth.view(), &options).unwrap();

        let vertices: Array2<f64> = golden.array(text_of(&case, "vertices"));
        assert_eq!(mesh.vertices().len(), vertices.nrows(), "{case}");
        let scale = vertices
            .iter()
            .fold(0.0, |scale: f64, value| scale.max(value.abs()));
        for (ours, theirs) in mesh.vertices().as_flattened().iter().zip(&vertices) {
            assert!((ours - theirs).abs() <= 1e-12 * scale, "{case}: {ours} {theirs}");
        }
        let faces: Array2<i32> = golden.array(text_of(&case, "faces"));
        assert!(
            mesh.faces()
                .as_flattened()
                .iter()
                .map(|&corner| corner as i32)
                .eq(faces),
            "{case}"
        );
        let colors: Array2<u8> = golden.array(text_of(&case, "colors"));
        let colors = colors.slice(ndarray::s![.., ..3]);
        assert!(mesh.colors().unwrap().as_flattened().iter().eq(&colors), "{case}");
        if case.get("obj").is_some() {
            let text: Array1<u8> = golden.array(text_of(&case, "obj"));
            let ours = saved(&mesh, "mesh.obj", SaveMesh::default());
            assert_same_obj(&ours, text.as_slice().unwrap(), &case);
        }
    }
}

#[test]
fn depth_scaling_is_the_references() {
    let mut golden = Golden::open("mesh");
    for case in golden.cases("funnel_simple_mesh") {
        let picture: Array3<u8> = golden.array("fimg");
        let (values, kind) = if case.get("raw").is_some() {
            let kind = match case["model_type"].as_u64().unwrap() {
                0 => DepthKind::Depth,
                7 => DepthKind::Metric,
                // 10 is Marigold: the reference takes its depth for inverse depth.
                1 | 10 => DepthKind::Inverse,
                other => panic!("no kind for model {other}"),
            };
            (golden.array(text_of(&case, "raw")), kind)
        } else {
            let sixteen: Array2<u16> = golden.array(text_of(&case, "custom_depth"));
            (
                sixteen.mapv(|value| f32::from(value) / 65536.0),
                DepthKind::Inverse,
            )
        };
        let depth = mesh_depth(&DepthMap::new(values, kind)).unwrap();
        let flag = |name: &str| case[name].as_bool().unwrap();
        let mesh = simple_mesh(
            picture.view(),
            depth.view(),
            &options(flag("spherical"), flag("occlude")),
        )
        .unwrap();
        let text: Array1<u8> = golden.array(text_of(&case, "obj"));
        let ours = saved(&mesh, "mesh.obj", SaveMesh::default());
        assert_same_obj(&ours, text.as_slice().unwrap(), &case);
    }
}

/// A mesh with colours, texture and holes, larger than one chunk of a writer.
fn relief() -> Mesh {
    let picture = Array3::from_shape_fn((120, 160, 3), |(row, column, channel)| {
        [row * 2, column, (row + column) % 256][channel] as u8
    });
    let depth = Array2::from_shape_fn((120, 160), |(row, column)| {
        let bump = (row as f32 / 9.0).sin() * (column as f32 / 7.0).cos() * 0.2;
        if row / 40 == 1 && column > 100 {
            f32::NAN
        } else {
            2.0 + bump
        }
    });
    simple_mesh(picture.view(), depth.view(), &SimpleMeshOptions::default()).unwrap()
}

fn temporary(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn what_is_written_is_read_again() {
    let mesh = relief();
    let close = |a: &[[f64; 3]], b: &[[f64; 3]], tolerance: f64| {
        a.len() == b.len()
            && a.as_flattened()
                .iter()
                .zip(b.as_flattened())
                .all(|(a, b)| (a - b).abs() <= tolerance)
    };
    let (_folder, path) = temporary("relief.obj");
    mesh.save(&path, &SaveMesh::default(), &Monitor::silent())
        .unwrap();
    let read = read_mesh(&path).unwrap();
    assert!(close(read.vertices(), mesh.vertices(), 5.0001e-9));
    assert_eq!(
        (read.faces(), read.colors(), read.axes()),
        (mesh.faces(), mesh.colors(), mesh.axes())
    );
    assert!(read.uv().is_none());

    let options = SaveMesh {
        format: Some(MeshFormat::TexturedObj),
        ..Default::default()
    };
    mesh.save(&path, &options, &Monitor::silent()).unwrap();
    let read = read_mesh(&path).unwrap();
    assert_eq!(read.axes(), Axes::RightUpBack);
    let turned: Vec<_> = mesh.vertices().iter().map(|[x, y, z]| [-x, *y, -z]).collect();
    assert!(close(read.vertices(), &turned, 5.0001e-9));
    assert_eq!(read.faces(), mesh.faces());
    let (ours, theirs) = (
        mesh.uv().unwrap().as_flattened(),
        read.uv().unwrap().as_flattened(),
    );
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-7));
    let texture = image::open(path.with_file_name("relief-texture.png"))
        .unwrap()
        .into_rgb8();
    assert_eq!(texture.into_raw(), mesh.texture().unwrap().as_slice().unwrap());
    let material = std::fs::read_to_string(path.with_extension("mtl")).unwrap();
    assert!(material.contains("map_Kd relief-texture.png"));

    let path = path.with_extension("ply");
    mesh.save(
        &path,
        &SaveMesh {
            axes: Some(Axes::RightForwardUp),
            ..Default::default()
        },
        &Monitor::silent(),
    )
    .unwrap();
    let read = read_mesh(&path).unwrap();
    let turned: Vec<_> = mesh.vertices().iter().map(|[x, y, z]| [-x, *z, *y]).collect();
    assert!(close(read.vertices(), &turned, 1e-6));
    assert_eq!((read.faces(), read.colors()), (mesh.faces(), mesh.colors()));
    assert_eq!(read.axes(), Axes::RightForwardUp);
    let (ours, theirs) = (
        mesh.uv().unwrap().as_flattened(),
        read.uv().unwrap().as_flattened(),
    );
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-7));
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let write = || {
        let mesh = relief();
        ["a.obj", "a.ply", "a.glb"].map(|name| saved(&mesh, name, SaveMesh::default()))
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(write);
    let five = rayon::ThreadPoolBuilder::new()
        .num_threads(5)
        .build()
        .unwrap()
        .install(write);
    assert!(one == five);
}

/// The JSON and the binary chunk of a GLB file.
fn glb(bytes: &[u8]) -> (Value, &[u8]) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&bytes[..4], word(4), word(8)), (&b"glTF"[..], 2, bytes.len()));
    let json = word(12);
    assert_eq!(
        (&bytes[16..20], &bytes[24 + json..28 + json]),
        (&b"JSON"[..], &b"BIN\0"[..])
    );
    let binary = &bytes[28 + json..];
    assert_eq!(word(20 + json), binary.len());
    (serde_json::from_slice(&bytes[20..20 + json]).unwrap(), binary)
}

/// The bytes of a buffer view.
fn view<'a>(document: &Value, binary: &'a [u8], index: &Value) -> &'a [u8] {
    let view = &document["bufferViews"][index.as_u64().unwrap() as usize];
    let number = |name: &str| view[name].as_u64().unwrap() as usize;
    &binary[number("byteOffset")..][..number("byteLength")]
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

#[test]
fn glb_holds_everything() {
    let mesh = relief();
    let bytes = saved(&mesh, "relief.glb", SaveMesh::default());
    let (document, binary) = glb(&bytes);
    let primitive = &document["meshes"][0]["primitives"][0];
    let accessor = |index: &Value| &document["accessors"][index.as_u64().unwrap() as usize];

    let position = accessor(&primitive["attributes"]["POSITION"]);
    let places = floats(view(&document, binary, &position["bufferView"]));
    let [x, y, z] = mesh.vertices()[7];
    assert_eq!(places[21..24], [-x as f32, y as f32, -z as f32]);
    for axis in 0..3 {
        let along = places.iter().skip(axis).step_by(3).copied();
        assert_eq!(
            position["max"][axis].as_f64().unwrap() as f32,
            along.clone().fold(f32::MIN, f32::max)
        );
        assert_eq!(
            position["min"][axis].as_f64().unwrap() as f32,
            along.fold(f32::MAX, f32::min)
        );
    }
    let uv = accessor(&primitive["attributes"]["TEXCOORD_0"]);
    assert_eq!(
        floats(view(&document, binary, &uv["bufferView"])),
        mesh.uv().unwrap().as_flattened()
    );
    assert!(primitive["attributes"].get("COLOR_0").is_none());
    let corners = accessor(&primitive["indices"]);
    assert_eq!(corners["count"], mesh.faces().len() * 3);
    let image = &document["images"][0];
    assert_eq!(image["mimeType"], "image/png");
    let texture = image::load_from_memory(view(&document, binary, &image["bufferView"]))
        .unwrap()
        .into_rgb8();
    assert_eq!(texture.into_raw(), mesh.texture().unwrap().as_slice().unwrap());
    assert_eq!(document["materials"][0]["doubleSided"], true);
    assert!(document["materials"][0]["extensions"]["KHR_materials_unlit"].is_object());

    let node = &document["nodes"][1];
    assert_eq!(node["name"], "photo_camera");
    let close = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;
    assert!(close(&node["extras"]["hFov"], 55f64.to_radians()));
    assert_eq!(
        (&node["extras"]["W"], &node["extras"]["H"]),
        (&160.into(), &120.into())
    );
    let lens = &document["cameras"][0]["perspective"];
    assert!(close(&lens["yfov"], node["extras"]["vFov"].as_f64().unwrap()));
    assert!(close(&lens["aspectRatio"], 160.0 / 120.0));
}

#[test]
fn glb_without_a_texture_has_linear_colours() {
    let corners = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let mesh = Mesh::new(corners, vec![[0, 1, 2]], Axes::RightUpBack).unwrap();
    let mesh = mesh.with_colors(vec![[0, 128, 255]; 3]).unwrap();
    let bytes = saved(&mesh, "a.glb", SaveMesh::default());
    let (document, binary) = glb(&bytes);
    let colors = view(&document, binary, &1.into());
    assert_eq!(colors[..8], [0, 0, 0x42, 0x37, 0xff, 0xff, 0xff, 0xff]);
    assert!(document.get("cameras").is_none());

    let points = Mesh::new(vec![[0.0; 3]], vec![], Axes::RightUpBack).unwrap();
    let bytes = saved(&points, "a.glb", SaveMesh::default());
    assert_eq!(glb(&bytes).0["meshes"][0]["primitives"][0]["mode"], 0);
}

#[test]
fn jpeg_textures() {
    let mesh = relief();
    let options = SaveMesh {
        texture: Some(TextureFormat::Jpeg(90)),
        ..Default::default()
    };
    let bytes = saved(&mesh, "a.glb", options);
    let (document, binary) = glb(&bytes);
    assert_eq!(document["images"][0]["mimeType"], "image/jpeg");
    let encoded = view(&document, binary, &document["images"][0]["bufferView"]);
    let texture = image::load_from_memory(encoded).unwrap().into_rgb8();
    let worst = texture
        .iter()
        .zip(mesh.texture().unwrap())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap();
    assert!(worst < 60, "{worst}");
}

#[test]
fn what_cannot_be_saved_is_refused_and_nothing_appears() {
    let mesh = relief();
    let bare = Mesh::new(vec![[0.0; 3]], vec![], Axes::RightUpBack).unwrap();
    let huge = Mesh::new(vec![[1e300; 3]], vec![], Axes::RightUpBack).unwrap();
    let empty = Mesh::new(vec![], vec![], Axes::RightUpBack).unwrap();
    let plain = SaveMesh::default();
    let textured = SaveMesh {
        format: Some(MeshFormat::TexturedObj),
        ..plain
    };
    let jpeg = SaveMesh {
        texture: Some(TextureFormat::Jpeg(0)),
        ..plain
    };
    let turned = SaveMesh {
        axes: Some(Axes::RightForwardUp),
        ..plain
    };
    let cases = [
        (&mesh, "a.stl", plain),
        (&mesh, "a", plain),
        (&mesh, "a.glb", turned),
        (&mesh, "a.glb", jpeg),
        (&mesh, "a.ply", jpeg),
        (&bare, "a.obj", textured),
        (&huge, "a.glb", plain),
        (&huge, "a.ply", plain),
        (&empty, "a.obj", plain),
    ];
    for (mesh, name, options) in cases {
        let (folder, path) = temporary(name);
        let result = mesh.save(&path, &options, &Monitor::silent());
        assert!(
            matches!(result, Err(Error::Invalid(_))),
            "{name} {options:?} {result:?}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
    }
    let (folder, path) = temporary("a.obj");
    let stop = || true;
    assert!(matches!(
        mesh.save(&path, &plain, &Monitor::new(None, Some(&stop))),
        Err(Error::Cancelled)
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What `read_mesh` says about a file of this content.
fn complaint(name: &str, content: &[u8]) -> String {
    let (_folder, path) = temporary(name);
    std::fs::write(&path, content).unwrap();
    match read_mesh(&path) {
        Err(Error::Unreadable { reason, .. }) => reason,
        other => panic!("{:?} gave {other:?}", content.escape_ascii().to_string()),
    }
}

#[test]
fn broken_obj_files_are_refused_with_the_line() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "no vertices"),
        (b"# nothing\n", "no vertices"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "line 1"),
        (b"v 1 2\n", "2 numbers"),
        (b"v 1 2 x\n", "\"x\" is no number"),
        (b"v 1 2 3 4\n", "4 numbers"),
        (b"v 1 2 3 0 0 0 0\n", "more than 6"),
        (b"v 1 2 nan\n", "finite"),
        (b"v 1 2 3 0 0 0\nv 1 2 3\n", "line 2: some vertices"),
        (b"v 1 2 3\nf 1 1\n", "2 corners"),
        (b"v 1 2 3\nf 0 1 1\n", "\"0\" is no corner"),
        (b"v 1 2 3\nf -1 1 1\n", "\"-1\" is no corner"),
        (b"v 1 2 3\nf 1 1 2\n", "there are 1 vertices"),
        (b"v 1 2 3\nf 1 1 99999999999\n", "is no corner"),
        (b"v 1 2 3\nvt 0 0\nf 1/1 1/1 1/2\n", "apart from its vertex"),
        (b"v 1 2 3\nf 1/1 1/1 1/1\n", "there are 0 for 1"),
    ];
    for (content, expected) in cases {
        let reason = complaint("a.obj", content);
        assert!(
            reason.contains(expected),
            "{:?}: {reason}",
            content.escape_ascii().to_string()
        );
    }
    assert!(complaint("a.obj", &vec![b'v'; 1 << 20]).contains("longer than"));
}

#[test]
fn broken_ply_files_are_refused_with_the_row() {
    let header =
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n";
    let faces = "element face 1\nproperty list uchar int vertex_index\nend_header\n";
    let with = |rest: &str| format!("{header}{rest}").into_bytes();
    let binary = with("end_header\n")
        .iter()
        .map(|&byte| byte as char)
        .collect::<String>();
    let binary = binary.replace("ascii", "binary_little_endian");
    let cases: &[(Vec<u8>, &str)] = &[
        (b"".to_vec(), "cut off"),
        (b"plyx\n".to_vec(), "\"ply\""),
        (b"ply\nend_header\n".to_vec(), "does not say its format"),
        (b"ply\nformat ascii 1.0\nend_header\n".to_vec(), "no vertices"),
        (b"ply\nformat morse 1.0\nend_header\n".to_vec(), "\"morse\""),
        (
            b"ply\nformat ascii 1.0\nproperty float x\n".to_vec(),
            "before its element",
        ),
        (b"ply\nformat ascii 1.0\nelement vertex -1\n".to_vec(), "\"-1\""),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty complex x\n".to_vec(),
            "\"complex\"",
        ),
        (b"ply\nformat ascii 1.0\nnonsense\n".to_vec(), "\"nonsense\""),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n".to_vec(),
            "no x, y and z",
        ),
        (with("end_header\n1 2"), "row 0 of \"vertex\": the file ends"),
        (with("end_header\n1 2 three\n"), "\"three\" is no number"),
        (with(&format!("{faces}1 2 3\n2 0 0\n")), "2 corners"),
        (with(&format!("{faces}1 2 3\n3 0 0 1\n")), "there are 1 vertices"),
        (
            with(&format!("{faces}1 2 3\n3 0 0 -1\n")),
            "-1 is no whole number",
        ),
        (
            with(&format!("{faces}1 2 3\n4000000000 0 0 0\n")),
            "row 0 of \"face\": the file ends",
        ),
        (
            with("element face 1\nproperty float area\nend_header\n1 2 3\n1\n"),
            "no list",
        ),
        (
            binary.replace("vertex 1", "vertex 4000000000").into_bytes(),
            "promises 4000000000 rows",
        ),
        (binary.clone().into_bytes(), "the file ends"),
        (
            ["ply\n", &"comment\n".repeat(2000)].concat().into_bytes(),
            "longer than",
        ),
        (
            ["ply\ncomment ", &"x".repeat(5000), "\n"].concat().into_bytes(),
            "cut off",
        ),
    ];
    for (content, expected) in cases {
        let reason = complaint("a.ply", content);
        assert!(
            reason.contains(expected),
            "{:?}: {reason}",
            content.escape_ascii().to_string()
        );
    }
}

#[test]
fn ply_of_other_makes_is_read() {
    let text = "ply\r\nformat ascii 1.0\r\ncomment by hand\r\nelement material 1\r\nproperty list uchar float gloss\r\n\
                element vertex 4\r\nproperty double z\r\nproperty double x\r\nproperty double y\r\n\
                property uchar red\r\nproperty uchar green\r\nproperty uchar blue\r\nproperty uchar alpha\r\n\
                element face 1\r\nproperty uchar tag\r\nproperty list int uint vertex_indices\r\nend_header\r\n\
                2 0.5 1.5\r\n3 1 2 9 8 7 1\r\n3 4 5 6 5 4 1\r\n3 1 5 0 0 0 1\r\n3 0 0 0 0 0 1\r\n7 4 0 1 2 3\r\n";
    let (_folder, path) = temporary("a.ply");
    std::fs::write(&path, text).unwrap();
    let mesh = read_mesh(&path).unwrap();
    assert_eq!(mesh.vertices()[..2], [[1.0, 2.0, 3.0], [4.0, 5.0, 3.0]]);
    assert_eq!(mesh.faces(), [[0, 1, 2], [0, 2, 3]]);
    assert_eq!(mesh.colors().unwrap()[0], [9, 8, 7]);

    let mut binary =
        b"ply\nformat binary_big_endian 1.0\nelement vertex 1\nproperty float x\nproperty short y\n\
                       property float z\nend_header\n"
            .to_vec();
    binary.extend(1.5f32.to_be_bytes());
    binary.extend((-7i16).to_be_bytes());
    binary.extend(2.5f32.to_be_bytes());
    std::fs::write(&path, binary).unwrap();
    assert_eq!(read_mesh(&path).unwrap().vertices(), [[1.5, -7.0, 2.5]]);
}

#[test]
fn missing_files_and_other_formats_are_refused() {
    assert!(matches!(
        read_mesh(Path::new("nowhere/mesh.obj")),
        Err(Error::NotFound(_))
    ));
    assert!(matches!(read_mesh(Path::new("mesh.glb")), Err(Error::Invalid(_))));
    assert!(matches!(read_mesh(Path::new("mesh.txt")), Err(Error::Invalid(_))));
}
