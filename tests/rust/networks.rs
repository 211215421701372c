//! Networks, held to the reference's on the same pseudo-random weights.

mod depth_anything;

use crate::pseudo;

/// The generator's published first numbers: without them no comparison below means anything.
#[test]
fn the_generator_makes_the_published_numbers() {
    let made = pseudo::uniform("demo", 8, -1.0, 1.0);
    let published = [
        0.274_916_65,
        0.843_059_3,
        -0.533_656_24,
        0.307_595_37,
        -0.891_966_6,
        0.466_232_3,
        0.111_777_306,
        0.949_118_f32,
    ];
    assert_eq!(made, published);
    assert_eq!(pseudo::digest(&made), 0x97C3_1438_06F5_2C50);
}
