//! Floor 3: depth -> left and right eyes, fills, layouts, anaglyphs.
