//! Reading OBJ as this program and the reference write it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::obj::AXES_COMMENT;
use crate::surface::{Axes, Mesh};
use crate::{Error, Result};

/// No line this program writes is a tenth as long.
const LONGEST_LINE: u64 = 4096;

/// Reads vertices, vertex colours, texture coordinates and faces; polygons are
/// cut into fans. Normals, groups and materials are passed over.
pub(super) fn read(path: &Path) -> Result<Mesh> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut parser = Parser::default();
    let mut line = Vec::new();
    let mut number = 0u64;
    let wrong = |number: u64, reason: String| Error::Unreadable {
        path: path.to_owned(),
        reason: format!("line {number}: {reason}"),
    };
    loop {
        line.clear();
        number += 1;
        let length = (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::io(path, error))?;
        if length == 0 {
            break;
        }
        if length as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            let reason =
                format!("it is longer than {LONGEST_LINE} bytes; this does not look like an OBJ file");
            return Err(wrong(number, reason));
        }
        parser.line(&line).map_err(|reason| wrong(number, reason))?;
    }
    parser.finish().map_err(|reason| Error::Unreadable {
        path: path.to_owned(),
        reason,
    })
}

#[derive(Default)]
struct Parser {
    vertices: Vec<[f64; 3]>,
    colors: Vec<[u8; 3]>,
    uv: Vec<[f32; 2]>,
    faces: Vec<[u32; 3]>,
    textured_faces: bool,
    axes: Option<Axes>,
}

type Parsed<T> = std::result::Result<T, String>;

impl Parser {
    fn line(&mut self, line: &[u8]) -> Parsed<()> {
        let line = line.trim_ascii();
        if let Some(name) = line.strip_prefix(AXES_COMMENT.as_bytes()) {
            self.axes = Axes::named(&String::from_utf8_lossy(name)).ok();
        }
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        match words.next() {
            None => Ok(()),
            Some(word) if word[0] == b'#' => Ok(()),
            Some(b"v") => self.vertex(words),
            Some(b"vt") => self.texture_coordinate(words),
            Some(b"f") => self.face(words),
            Some(b"vn" | b"vp" | b"o" | b"g" | b"s" | b"l" | b"p" | b"usemtl" | b"mtllib") => Ok(()),
            Some(word) => Err(format!(
                "{} is no OBJ keyword; this does not look like an OBJ file",
                quoted(word)
            )),
        }
    }

    fn vertex<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>) -> Parsed<()> {
        let (numbers, count) = numbers::<6>(words)?;
        let [x, y, z, colors @ ..] = numbers;
        if count != 3 && count != 6 {
            return Err(format!(
                "the vertex has {count} numbers; there must be 3, or 6 with a colour"
            ));
        }
        if count == 6 {
            self.colors
                .push(colors.map(|channel| (channel * 255.0).round() as u8));
        }
        self.vertices.push([x, y, z]);
        if !self.colors.is_empty() && self.colors.len() != self.vertices.len() {
            return Err("some vertices have a colour and some have none".into());
        }
        Ok(())
    }

    fn texture_coordinate<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>) -> Parsed<()> {
        let ([u, v, _], count) = numbers::<3>(words)?;
        if count < 2 {
            return Err(format!(
                "the texture coordinate has {count} numbers; there must be 2"
            ));
        }
        self.uv.push([u as f32, (1.0 - v) as f32]);
        Ok(())
    }

    fn face<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>) -> Parsed<()> {
        let (mut first, mut previous, mut corners) = (0, 0, 0);
        for word in words {
            let corner = self.corner(word)?;
            match corners {
                0 => first = corner,
                1 => {}
                _ => self.faces.push([first, previous, corner]),
            }
            previous = corner;
            corners += 1;
        }
        if corners < 3 {
            return Err(format!("the face has {corners} corners; there must be 3"));
        }
        Ok(())
    }

    /// `a`, `a/b`, `a//c` or `a/b/c`: vertex, texture coordinate, normal.
    fn corner(&mut self, word: &[u8]) -> Parsed<u32> {
        let index = |digits: &[u8]| -> Parsed<u32> {
            std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse::<u32>().ok()?.checked_sub(1))
                .ok_or_else(|| {
                    format!(
                        "{} is no corner of a face; corners are numbers from 1",
                        quoted(word)
                    )
                })
        };
        let mut parts = word.split(|&byte| byte == b'/');
        let vertex = index(parts.next().unwrap_or_default())?;
        if let Some(texture) = parts.next().filter(|texture| !texture.is_empty()) {
            self.textured_faces = true;
            if index(texture)? != vertex {
                return Err(format!(
                    "{} numbers its texture coordinate apart from its vertex, which this program never writes",
                    quoted(word)
                ));
            }
        }
        Ok(vertex)
    }

    fn finish(self) -> Parsed<Mesh> {
        if self.vertices.is_empty() {
            return Err("it has no vertices; this does not look like an OBJ file".into());
        }
        let axes = self.axes.unwrap_or(Axes::LeftUpForward);
        let mut mesh = Mesh::new(self.vertices, self.faces, axes).map_err(|error| error.to_string())?;
        if !self.colors.is_empty() {
            mesh = mesh.with_colors(self.colors).map_err(|error| error.to_string())?;
        }
        if self.textured_faces {
            mesh = mesh.with_uv(self.uv).map_err(|error| error.to_string())?;
        }
        Ok(mesh)
    }
}

/// Up to `N` numbers, the rest 0, and how many there were.
fn numbers<'a, const N: usize>(words: impl Iterator<Item = &'a [u8]>) -> Parsed<([f64; N], usize)> {
    let mut numbers = [0.0; N];
    let mut count = 0;
    for word in words {
        let number = std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("{} is no number", quoted(word)))?;
        match numbers.get_mut(count) {
            Some(slot) => *slot = number,
            None => return Err(format!("there are more than {N} numbers")),
        }
        count += 1;
    }
    Ok((numbers, count))
}

/// At most 40 bytes of what was found, fit to print.
fn quoted(word: &[u8]) -> String {
    format!("\"{}\"", word[..word.len().min(40)].escape_ascii())
}
