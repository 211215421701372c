//! Where a tensor lies in the bytes of its file.

use std::borrow::Cow;

use candle_core::DType;

/// A tensor's place. Whoever makes one has checked that every element lies
/// inside the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    /// `None` for numbers no network here uses (integers, booleans).
    pub dtype: Option<DType>,
    pub shape: Vec<usize>,
    /// The first element's place in the file, in bytes.
    pub start: usize,
    /// Steps in elements; `None` if the elements lie one after the other.
    pub strides: Option<Vec<usize>>,
}

impl View {
    pub fn contiguous(dtype: Option<DType>, shape: Vec<usize>, start: usize) -> Self {
        Self {
            dtype,
            shape,
            start,
            strides: None,
        }
    }

    /// The tensor's elements one after the other, in row-major order.
    pub fn raw<'a>(&self, file: &'a [u8]) -> Cow<'a, [u8]> {
        let size = self.dtype.map_or(0, |dtype| dtype.size_in_bytes());
        let count: usize = self.shape.iter().product();
        let Some(strides) = &self.strides else {
            return Cow::Borrowed(&file[self.start..self.start + count * size]);
        };
        let mut out = Vec::with_capacity(count * size);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let element: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
            let start = self.start + element * size;
            out.extend_from_slice(&file[start..start + size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Cow::Owned(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_tensor_is_put_in_order() {
        let values: Vec<u8> = (0..6).flat_map(|value| (value as f32).to_le_bytes()).collect();
        let view = View {
            dtype: Some(DType::F32),
            shape: vec![3, 2],
            start: 0,
            strides: Some(vec![1, 3]),
        };
        let ordered: Vec<f32> = view
            .raw(&values)
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(ordered, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
