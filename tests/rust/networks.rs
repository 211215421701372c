//! Networks, held to the reference's on the same pseudo-random weights.

use crate::pseudo;

/// The generator's published first numbers: without them no comparison below means anything.
#[test]
fn the_generator_makes_the_published_numbers() {
    let made = pseudo::uniform("demo", 8, -1.0, 1.0);
    let published = [
        0.274916649,
        0.843059301,
        -0.53365624,
        0.307595372,
        -0.891966581,
        0.4662323,
        0.111777306,
        0.949118018_f32,
    ];
    assert_eq!(made, published);
    assert_eq!(pseudo::digest(&made), 0x97C3_1438_06F5_2C50);
}
