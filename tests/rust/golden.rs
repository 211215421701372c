//! Golden data: `tests/golden/<name>.npz`, arrays and a JSON list of cases.

use std::fs::File;
use std::path::Path;

use ndarray::{Array, Array1, Dimension};
use ndarray_npy::{NpzReader, ReadableElement};
use serde_json::Value;

pub struct Golden {
    archive: NpzReader<File>,
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.npz"));
        let archive = NpzReader::new(File::open(path).unwrap()).unwrap();
        Self { archive }
    }

    /// The cases of one function, or of several that begin alike.
    pub fn cases(&mut self, function: &str) -> Vec<Value> {
        let text: Array1<u8> = self.array("meta_json");
        let mut cases: Vec<Value> = serde_json::from_slice(text.as_slice().unwrap()).unwrap();
        cases.retain(|case| text_of(case, "fn").starts_with(function));
        assert!(!cases.is_empty(), "no golden cases of {function}");
        cases
    }

    pub fn array<T: ReadableElement, D: Dimension>(&mut self, name: &str) -> Array<T, D> {
        self.archive.by_name(&format!("{name}.npy")).unwrap()
    }
}

pub fn text_of<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

pub fn count_of(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap() as usize
}

/// The largest absolute difference.
pub fn max_difference<T: Copy + Into<f64>, D: Dimension>(a: &Array<T, D>, b: &Array<T, D>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (a.into() - b.into()).abs())
        .fold(0.0, f64::max)
}
