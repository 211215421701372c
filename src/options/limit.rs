//! Which numbers and words an option takes.

/// The range of a number, or the words a text can be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit {
    /// The smallest number.
    pub least: Option<f64>,
    /// The largest number.
    pub most: Option<f64>,
    /// Numbers are larger than this.
    pub above: Option<f64>,
    /// Numbers are smaller than this.
    pub below: Option<f64>,
    /// Only odd numbers.
    pub odd: bool,
    /// What 0 means, where it can be besides the range.
    pub zero: Option<&'static str>,
    /// What the number counts.
    pub unit: Option<&'static str>,
    /// The words a text can be; none: any.
    pub words: &'static [&'static str],
}

/// Makes a builder that sets one field.
macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident => $field:ident: $type:ty;)*) => {
        $($(#[$doc])*
        pub const fn $name(mut self, value: $type) -> Self {
            self.$field = Some(value);
            self
        })*
    };
}

impl Limit {
    /// Everything.
    pub const fn new() -> Self {
        Self {
            least: None,
            most: None,
            above: None,
            below: None,
            odd: false,
            zero: None,
            unit: None,
            words: &[],
        }
    }

    builders! {
        /// With this smallest number.
        least => least: f64;
        /// With this largest number.
        most => most: f64;
        /// With numbers larger than this.
        above => above: f64;
        /// With numbers smaller than this.
        below => below: f64;
        /// With 0 besides the range, which stands for this.
        or_zero => zero: &'static str;
        /// With what the number counts.
        unit => unit: &'static str;
    }

    /// With odd numbers only.
    pub const fn odd(mut self) -> Self {
        self.odd = true;
        self
    }

    /// With these words.
    pub const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// Whether a number is within.
    pub fn fits(&self, value: f64) -> bool {
        let inside = self.least.is_none_or(|least| value >= least)
            && self.most.is_none_or(|most| value <= most)
            && self.above.is_none_or(|above| value > above)
            && self.below.is_none_or(|below| value < below)
            && (!self.odd || value % 2.0 == 1.0);
        value.is_finite() && (inside || (self.zero.is_some() && value == 0.0))
    }

    /// What a number must be, in words; `None` where every number will do.
    pub fn wanted(&self) -> Option<String> {
        let noun = match (self.unit, self.odd) {
            (Some(unit), _) => format!("a number of {unit}"),
            (None, true) => "an odd number".into(),
            (None, false) => "a number".into(),
        };
        let range = match (self.least, self.most, self.above, self.below) {
            (Some(least), Some(most), ..) => format!("from {least} to {most}"),
            (Some(least), ..) => format!("from {least} up"),
            (_, Some(most), Some(above), _) => format!("above {above}, up to {most}"),
            (.., Some(above), Some(below)) => format!("above {above} and below {below}"),
            (.., Some(above), None) => format!("above {above}"),
            _ => return None,
        };
        let zero = self
            .zero
            .map_or(String::new(), |zero| format!(", or 0 for {zero}"));
        Some(format!("{noun} {range}{zero}"))
    }
}
