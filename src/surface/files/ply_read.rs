//! Reading PLY: vertices, colours, texture coordinates and faces, text or binary.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::ply::AXES_COMMENT;
use crate::surface::{Axes, Mesh};
use crate::{Error, Result};

const LONGEST_LINE: u64 = 1024;
const LONGEST_HEADER: usize = 1000;
const LONGEST_NUMBER: usize = 64;

/// Reads `x y z`, `red green blue` (uchar) and `s t` of the element `vertex` and
/// the list `vertex_indices` (or `vertex_index`) of the element `face`, of any
/// type and in any order; polygons are cut into fans. What else the file holds
/// is passed over.
pub(super) fn read(path: &Path) -> Result<Mesh> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let length = file.metadata().map_err(|error| Error::io(path, error))?.len();
    let reader = BufReader::with_capacity(1 << 20, file);
    parse(reader, length).map_err(|reason| Error::Unreadable {
        path: path.to_owned(),
        reason,
    })
}

type Parsed<T> = std::result::Result<T, String>;

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Text,
    Little,
    Big,
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

enum Property {
    Scalar(Type),
    List { count: Type, item: Type },
}

struct Element {
    name: String,
    rows: usize,
    properties: Vec<(String, Property)>,
}

struct Header {
    encoding: Encoding,
    elements: Vec<Element>,
    axes: Option<Axes>,
}

fn parse(mut reader: impl BufRead, length: u64) -> Parsed<Mesh> {
    let header = Header::read(&mut reader)?;
    let mut body = Body {
        reader,
        encoding: header.encoding,
    };
    let mut vertices = Vertices::default();
    let mut faces = Vec::new();
    for element in &header.elements {
        element.check_rows(header.encoding, length)?;
        match element.name.as_str() {
            "vertex" => vertices.read(element, &mut body)?,
            "face" => read_faces(element, &mut body, &mut faces)?,
            _ => {
                for row in 0..element.rows {
                    for (_, property) in &element.properties {
                        body.skip(property).map_err(|reason| element.at(row, reason))?;
                    }
                }
            }
        }
    }
    if vertices.places.is_empty() {
        return Err("it has no vertices".into());
    }
    let axes = header.axes.unwrap_or(Axes::LeftUpForward);
    let mut mesh = Mesh::new(vertices.places, faces, axes).map_err(|error| error.to_string())?;
    if !vertices.colors.is_empty() {
        mesh = mesh
            .with_colors(vertices.colors)
            .map_err(|error| error.to_string())?;
    }
    if !vertices.uv.is_empty() {
        mesh = mesh.with_uv(vertices.uv).map_err(|error| error.to_string())?;
    }
    Ok(mesh)
}

impl Header {
    fn read(reader: &mut impl BufRead) -> Parsed<Self> {
        if next_line(reader)? != "ply" {
            return Err("it does not begin with \"ply\"; this is no PLY file".into());
        }
        let mut encoding = None;
        let mut elements: Vec<Element> = Vec::new();
        let mut axes = None;
        for _ in 0..LONGEST_HEADER {
            let line = next_line(reader)?;
            if let Some(name) = line.strip_prefix(AXES_COMMENT) {
                axes = Axes::named(name).ok();
            }
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words[..] {
                ["end_header"] => {
                    let encoding = encoding.ok_or("its header does not say its format")?;
                    return Ok(Self {
                        encoding,
                        elements,
                        axes,
                    });
                }
                ["format", name, _] => {
                    encoding = Some(match name {
                        "ascii" => Encoding::Text,
                        "binary_little_endian" => Encoding::Little,
                        "binary_big_endian" => Encoding::Big,
                        _ => return Err(format!("\"{}\" is no PLY format", name.escape_default())),
                    });
                }
                ["element", name, rows] => elements.push(Element {
                    name: name.to_owned(),
                    rows: rows
                        .parse()
                        .map_err(|_| format!("\"{}\" is no number of rows", rows.escape_default()))?,
                    properties: Vec::new(),
                }),
                ["property", ref property @ ..] => {
                    let element = elements.last_mut().ok_or("a property comes before its element")?;
                    element.properties.push(match property {
                        ["list", count, item, name] => {
                            let (count, item) = (Type::from_name(count)?, Type::from_name(item)?);
                            (name.to_string(), Property::List { count, item })
                        }
                        [kind, name] => (name.to_string(), Property::Scalar(Type::from_name(kind)?)),
                        _ => return Err(format!("\"{}\" is no property", line.escape_default())),
                    });
                }
                [] | ["comment" | "obj_info", ..] => {}
                _ => {
                    return Err(format!(
                        "\"{}\" does not belong in a PLY header",
                        line.escape_default()
                    ));
                }
            }
        }
        Err(format!("its header is longer than {LONGEST_HEADER} lines"))
    }
}

impl Element {
    /// A row takes at least so many bytes, so a file of `length` bytes cannot
    /// hold more rows than that: whoever trusts the header may run out of memory.
    fn check_rows(&self, encoding: Encoding, length: u64) -> Parsed<()> {
        let property = |(_, property): &(String, Property)| match (encoding, property) {
            (Encoding::Text, _) => 2,
            (_, Property::Scalar(kind) | Property::List { count: kind, .. }) => kind.size() as u64,
        };
        let row: u64 = self.properties.iter().map(property).sum();
        if self.rows as u64 > length.checked_div(row).unwrap_or(0) + 1 {
            return Err(format!(
                "it promises {} rows of \"{}\", more than its {length} bytes can hold; it is damaged or cut off",
                self.rows,
                self.name.escape_default()
            ));
        }
        Ok(())
    }

    fn at(&self, row: usize, reason: String) -> String {
        format!("row {row} of \"{}\": {reason}", self.name.escape_default())
    }

    fn index(&self, names: &[&str]) -> Option<usize> {
        self.properties
            .iter()
            .position(|(name, _)| names.contains(&name.as_str()))
    }

    fn is_scalar(&self, index: usize) -> bool {
        matches!(self.properties.get(index), Some((_, Property::Scalar(_))))
    }
}

#[derive(Default)]
struct Vertices {
    places: Vec<[f64; 3]>,
    colors: Vec<[u8; 3]>,
    uv: Vec<[f32; 2]>,
}

impl Vertices {
    fn read(&mut self, element: &Element, body: &mut Body<impl BufRead>) -> Parsed<()> {
        let scalars = |names: &[&str]| -> Option<Vec<usize>> {
            names
                .iter()
                .map(|name| element.index(&[name]).filter(|&index| element.is_scalar(index)))
                .collect()
        };
        let place = scalars(&["x", "y", "z"]).ok_or("its vertices have no x, y and z")?;
        let color = scalars(&["red", "green", "blue"]);
        let uv = scalars(&["s", "t"]);
        let bytes = |&index: &usize| matches!(element.properties[index].1, Property::Scalar(Type::U8));
        if let Some(color) = &color
            && !color.iter().all(bytes)
        {
            return Err("its colours are not of type uchar".into());
        }
        let mut values = vec![0.0; element.properties.len()];
        let pick = |values: &[f64], indices: &[usize], at: usize| values[indices[at]];
        for row in 0..element.rows {
            for (value, (_, property)) in values.iter_mut().zip(&element.properties) {
                match property {
                    Property::Scalar(kind) => {
                        *value = body.scalar(*kind).map_err(|reason| element.at(row, reason))?
                    }
                    list => body.skip(list).map_err(|reason| element.at(row, reason))?,
                }
            }
            self.places.push([0, 1, 2].map(|at| pick(&values, &place, at)));
            if let Some(color) = &color {
                self.colors
                    .push([0, 1, 2].map(|at| pick(&values, color, at) as u8));
            }
            if let Some(uv) = &uv {
                self.uv
                    .push([pick(&values, uv, 0) as f32, (1.0 - pick(&values, uv, 1)) as f32]);
            }
        }
        Ok(())
    }
}

fn read_faces(element: &Element, body: &mut Body<impl BufRead>, faces: &mut Vec<[u32; 3]>) -> Parsed<()> {
    let corners = element
        .index(&["vertex_indices", "vertex_index"])
        .filter(|&index| !element.is_scalar(index))
        .ok_or("its faces have no list vertex_indices")?;
    for row in 0..element.rows {
        for (index, (_, property)) in element.properties.iter().enumerate() {
            let read = match *property {
                Property::List { count, item } if index == corners => body.polygon(count, item, faces),
                _ => body.skip(property),
            };
            read.map_err(|reason| element.at(row, reason))?;
        }
    }
    Ok(())
}

/// What follows the header.
struct Body<R> {
    reader: R,
    encoding: Encoding,
}

impl<R: BufRead> Body<R> {
    fn scalar(&mut self, kind: Type) -> Parsed<f64> {
        if self.encoding == Encoding::Text {
            return self.word();
        }
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..kind.size()];
        self.reader
            .read_exact(bytes)
            .map_err(|_| "the file ends here; it is cut off")?;
        if self.encoding == Encoding::Big {
            bytes.reverse();
        }
        Ok(kind.little_endian(bytes))
    }

    /// The next number of a text file.
    fn word(&mut self) -> Parsed<f64> {
        let mut word = Vec::new();
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| error.to_string())?;
            let Some(&byte) = buffer.first() else { break };
            if !byte.is_ascii_whitespace() {
                word.push(byte);
            } else if !word.is_empty() {
                break;
            }
            if word.len() > LONGEST_NUMBER {
                break;
            }
            self.reader.consume(1);
        }
        if word.is_empty() {
            return Err("the file ends here; it is cut off".into());
        }
        std::str::from_utf8(&word)
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("\"{}\" is no number", word.escape_ascii()))
    }

    fn count(&mut self, kind: Type) -> Parsed<u32> {
        let count = self.scalar(kind)?;
        if (0.0..=f64::from(u32::MAX)).contains(&count) && count.fract() == 0.0 {
            Ok(count as u32)
        } else {
            Err(format!("{count} is no whole number from 0"))
        }
    }

    fn skip(&mut self, property: &Property) -> Parsed<()> {
        match *property {
            Property::Scalar(kind) => self.scalar(kind).map(drop),
            Property::List { count, item } => {
                for _ in 0..self.count(count)? {
                    self.scalar(item)?;
                }
                Ok(())
            }
        }
    }

    fn polygon(&mut self, count: Type, item: Type, faces: &mut Vec<[u32; 3]>) -> Parsed<()> {
        let corners = self.count(count)?;
        if corners < 3 {
            return Err(format!("the face has {corners} corners; there must be 3"));
        }
        let first = self.count(item)?;
        let mut previous = self.count(item)?;
        for _ in 2..corners {
            let corner = self.count(item)?;
            faces.push([first, previous, corner]);
            previous = corner;
        }
        Ok(())
    }
}

impl Type {
    fn from_name(name: &str) -> Parsed<Self> {
        Ok(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return Err(format!("\"{}\" is no type of number", name.escape_default())),
        })
    }

    fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The value of [`Self::size`] bytes.
    fn little_endian(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        match self {
            Self::I8 => f64::from(word as i8),
            Self::U8 => f64::from(word as u8),
            Self::I16 => f64::from(word as i16),
            Self::U16 => f64::from(word as u16),
            Self::I32 => f64::from(word as i32),
            Self::U32 => f64::from(word as u32),
            Self::F32 => f64::from(f32::from_bits(word as u32)),
            Self::F64 => f64::from_bits(word),
        }
    }
}

/// The next line of the header, without its end.
fn next_line(reader: &mut impl BufRead) -> Parsed<String> {
    let mut line = Vec::new();
    reader
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)
        .map_err(|error| error.to_string())?;
    if !line.ends_with(b"\n") {
        return Err("its header is cut off; this is no PLY file, or half of one".into());
    }
    Ok(String::from_utf8_lossy(line.trim_ascii()).into_owned())
}
