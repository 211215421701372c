//! Which source samples, with which weights, make each sample of a resized line.

use std::ops::AddAssign;

/// One weighted window of neighbouring source samples per output sample.
///
/// A window may reach past the ends of the line; places there stand for the
/// sample at that end (replicated border).
pub(super) struct Taps<W> {
    /// First source sample of each window, and how many there are.
    spans: Vec<(isize, usize)>,
    /// `longest` weights for each window, those past its length unused.
    weights: Vec<W>,
    longest: usize,
    inputs: usize,
}

impl<W: Copy + Default + AddAssign> Taps<W> {
    /// Windows of `outputs` samples over `inputs` samples.
    ///
    /// `window` adds the weights of an output and gives its first source place.
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        longest: usize,
        mut window: impl FnMut(usize, &mut Vec<W>) -> isize,
    ) -> Self {
        let mut spans = Vec::with_capacity(outputs);
        let mut weights = Vec::with_capacity(outputs * longest);
        for output in 0..outputs {
            let before = weights.len();
            let first = window(output, &mut weights);
            spans.push((first, weights.len() - before));
            weights.resize((output + 1) * longest, W::default());
        }
        Self {
            spans,
            weights,
            longest,
            inputs,
        }
    }

    /// Every output is the input at the same place.
    pub(super) fn identity(length: usize, one: W) -> Self {
        Self::new(length, length, 1, |output, weights| {
            weights.push(one);
            output as isize
        })
    }

    /// The same with all windows of one length and inside the line: weights of
    /// places outside are added to that of the sample they stand for.
    pub(super) fn folded(self) -> Windows<W> {
        let last = self.inputs.saturating_sub(1) as isize;
        let longest = self.spans.iter().map(|span| span.1).max().unwrap_or(1);
        let length = longest.min(self.inputs);
        let mut starts = Vec::with_capacity(self.spans.len());
        let mut weights = vec![W::default(); self.spans.len() * length];
        let raw = self.weights.chunks_exact(self.longest);
        for ((slot, raw), &(first, used)) in weights.chunks_exact_mut(length).zip(raw).zip(&self.spans) {
            let start = first.clamp(0, last + 1 - length as isize);
            for (place, &weight) in (first..).zip(&raw[..used]) {
                slot[(place.clamp(0, last) - start) as usize] += weight;
            }
            starts.push(start as usize);
        }
        Windows {
            starts,
            weights,
            length,
        }
    }

    pub(super) fn outputs(&self) -> usize {
        self.spans.len()
    }

    /// The longest window.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Source samples and weights of one output.
    #[inline(always)]
    pub(super) fn window(&self, output: usize) -> impl Iterator<Item = (usize, W)> {
        let (first, length) = self.spans[output];
        let last = self.inputs.saturating_sub(1) as isize;
        let weights = &self.weights[output * self.longest..][..length];
        (first..)
            .zip(weights)
            .map(move |(place, &weight)| (place.clamp(0, last) as usize, weight))
    }
}

/// Windows of one length that lie inside the line.
pub(super) struct Windows<W> {
    starts: Vec<usize>,
    weights: Vec<W>,
    length: usize,
}

impl<W> Windows<W> {
    pub(super) fn outputs(&self) -> usize {
        self.starts.len()
    }

    /// Samples in each window.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// First source sample and weights of every output in turn.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        self.starts
            .iter()
            .copied()
            .zip(self.weights.chunks_exact(self.length))
    }

    /// The same where the length is known to the compiler.
    #[inline(always)]
    pub(super) fn iter_of<const L: usize>(&self) -> impl Iterator<Item = (usize, &[W; L])> {
        self.starts.iter().copied().zip(self.weights.as_chunks().0)
    }
}
