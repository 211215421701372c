//! Tests of the room `nn`: every operation against plain loops in double
//! precision, in its fused form (single precision on the CPU) and in its
//! composition of stock operations (which double-precision tensors take).

use candle_core::{DType, Device, Tensor};
use rilievo::nn::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, GroupNorm, LayerNorm, Linear, Padding,
    attention, bilinear, log_binomial_mean, max_pool2d, relative_position_bias,
};

/// Reproducible numbers in (-1, 1).
fn numbers(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(((state >> 40) as f32) / (1u64 << 23) as f32 - 1.0)
        })
        .collect()
}

/// A double-precision tensor of such numbers, each exact in single precision.
fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(numbers(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

fn single(x: &Tensor) -> Tensor {
    x.to_dtype(DType::F32).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

fn assert_close(what: &str, got: &Tensor, shape: &[usize], want: &[f64], tolerance: f64) {
    assert_eq!(got.dims(), shape, "{what}: shape");
    for (i, (got, want)) in values(got).iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * want.abs().max(1.0),
            "{what}, element {i}: {got}, not {want}"
        );
    }
}

/// The same tensor with the elements in another order in memory.
fn scattered(x: &Tensor) -> Tensor {
    let last = x.rank() - 1;
    let y = x
        .transpose(last - 1, last)
        .unwrap()
        .contiguous()
        .unwrap()
        .transpose(last - 1, last)
        .unwrap();
    assert!(!y.is_contiguous() || x.dims()[last] == 1 || x.dims()[last - 1] == 1);
    y
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
    }
}

/// The error function by its series of positive terms.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
}

struct ConvCase {
    batch: usize,
    inputs: usize,
    outputs: usize,
    size: (usize, usize),
    kernel: (usize, usize),
    config: Conv2dConfig,
    residual: bool,
}

impl ConvCase {
    fn reference(
        &self,
        x: &[f64],
        weight: &[f64],
        bias: &[f64],
        residual: Option<&[f64]>,
    ) -> (Vec<usize>, Vec<f64>) {
        let Conv2dConfig {
            stride,
            padding,
            dilation,
            groups,
            relu_input,
            activation,
            ..
        } = self.config;
        let ((h, w), (kh, kw)) = (self.size, self.kernel);
        let out_h = (h + padding.top + padding.bottom - dilation * (kh - 1) - 1) / stride + 1;
        let out_w = (w + padding.left + padding.right - dilation * (kw - 1) - 1) / stride + 1;
        let (group_in, group_out) = (self.inputs / groups, self.outputs / groups);
        let mut out = Vec::new();
        for b in 0..self.batch {
            for o in 0..self.outputs {
                for y in 0..out_h {
                    for z in 0..out_w {
                        let mut sum = bias[o];
                        for i in 0..group_in {
                            let channel = b * self.inputs + o / group_out * group_in + i;
                            for ky in 0..kh {
                                for kx in 0..kw {
                                    let row = (y * stride + ky * dilation).wrapping_sub(padding.top);
                                    let column = (z * stride + kx * dilation).wrapping_sub(padding.left);
                                    if row < h && column < w {
                                        let v = x[(channel * h + row) * w + column];
                                        let v = if relu_input { v.max(0.0) } else { v };
                                        sum += v * weight[((o * group_in + i) * kh + ky) * kw + kx];
                                    }
                                }
                            }
                        }
                        sum += residual.map_or(0.0, |r| r[out.len()]);
                        out.push(activate(activation, sum));
                    }
                }
            }
        }
        (vec![self.batch, self.outputs, out_h, out_w], out)
    }

    fn check(&self, seed: u64) {
        let what = format!(
            "batch {}, {} -> {} channels, {:?}, kernel {:?}, {:?}, residual {}",
            self.batch, self.inputs, self.outputs, self.size, self.kernel, self.config, self.residual
        );
        let x = tensor(seed, &[self.batch, self.inputs, self.size.0, self.size.1]);
        let shape = [
            self.outputs,
            self.inputs / self.config.groups,
            self.kernel.0,
            self.kernel.1,
        ];
        let weight = tensor(seed + 1, &shape);
        let bias = tensor(seed + 2, &[self.outputs]);
        let (shape, plain) = self.reference(&values(&x), &values(&weight), &values(&bias), None);
        let residual = tensor(seed + 3, &shape);
        let want = if self.residual {
            self.reference(
                &values(&x),
                &values(&weight),
                &values(&bias),
                Some(&values(&residual)),
            )
            .1
        } else {
            plain
        };
        let stock = Conv2d::new(weight.clone(), Some(bias.clone()), self.config).unwrap();
        let fused = Conv2d::new(single(&weight), Some(single(&bias)), self.config).unwrap();
        let run = |layer: &Conv2d, x: &Tensor, residual: &Tensor| {
            if self.residual {
                layer.forward_add(x, residual)
            } else {
                layer.forward(x)
            }
            .unwrap()
        };
        assert_close(
            &format!("stock, {what}"),
            &run(&stock, &x, &residual),
            &shape,
            &want,
            1e-11,
        );
        let (x, residual) = (single(&x), single(&residual));
        assert_close(
            &format!("fused, {what}"),
            &run(&fused, &x, &residual),
            &shape,
            &want,
            2e-5,
        );
        let got = run(&fused, &scattered(&x), &scattered(&residual));
        assert_close(&format!("scattered, {what}"), &got, &shape, &want, 2e-5);
    }
}

#[test]
fn convolutions_of_every_kind_agree_with_plain_loops() {
    let config = Conv2dConfig::default;
    let conv = |batch, inputs, outputs, size, kernel, config| ConvCase {
        batch,
        inputs,
        outputs,
        size,
        kernel,
        config,
        residual: false,
    };
    let same3 = Conv2dConfig {
        padding: Padding::all(1),
        ..config()
    };
    let dilated = |dilation| Conv2dConfig {
        padding: Padding::all(dilation),
        dilation,
        ..config()
    };
    let cases = [
        conv(1, 1, 1, (1, 1), (1, 1), config()),
        conv(1, 3, 5, (7, 9), (1, 1), config()),
        conv(
            2,
            33,
            17,
            (19, 21),
            (1, 1),
            Conv2dConfig {
                activation: Activation::Relu6,
                ..config()
            },
        ),
        conv(
            1,
            64,
            40,
            (4, 3),
            (1, 1),
            Conv2dConfig {
                relu_input: true,
                ..config()
            },
        ),
        conv(
            1,
            5,
            6,
            (8, 9),
            (1, 1),
            Conv2dConfig {
                stride: 2,
                ..config()
            },
        ),
        conv(1, 1, 1, (1, 1), (3, 3), same3),
        conv(1, 2, 3, (2, 2), (3, 3), same3),
        conv(1, 3, 4, (5, 1), (3, 3), same3),
        conv(1, 3, 4, (1, 6), (3, 3), same3),
        conv(2, 7, 13, (11, 35), (3, 3), same3),
        conv(
            1,
            32,
            32,
            (37, 50),
            (3, 3),
            Conv2dConfig {
                relu_input: true,
                activation: Activation::Relu,
                ..same3
            },
        ),
        conv(1, 64, 1, (9, 17), (3, 3), same3),
        conv(1, 6, 30, (12, 65), (3, 3), config()),
        conv(1, 9, 14, (13, 14), (3, 3), Conv2dConfig { stride: 2, ..same3 }),
        conv(
            1,
            3,
            8,
            (16, 24),
            (3, 3),
            Conv2dConfig {
                stride: 2,
                padding: Padding::same((16, 24), 3, 2),
                ..config()
            },
        ),
        conv(
            1,
            3,
            20,
            (28, 42),
            (14, 14),
            Conv2dConfig {
                stride: 14,
                ..config()
            },
        ),
        conv(
            2,
            4,
            6,
            (10, 12),
            (5, 5),
            Conv2dConfig {
                padding: Padding::all(2),
                ..config()
            },
        ),
        conv(
            1,
            4,
            6,
            (9, 11),
            (3, 3),
            Conv2dConfig {
                padding: Padding::all(2),
                dilation: 2,
                ..config()
            },
        ),
        conv(
            1,
            2,
            3,
            (6, 7),
            (3, 1),
            Conv2dConfig {
                padding: Padding {
                    top: 2,
                    bottom: 0,
                    left: 1,
                    right: 3,
                },
                ..config()
            },
        ),
        conv(2, 12, 20, (9, 10), (3, 3), Conv2dConfig { groups: 4, ..same3 }),
        conv(
            1,
            8,
            16,
            (6, 18),
            (3, 3),
            Conv2dConfig {
                groups: 8,
                stride: 2,
                ..same3
            },
        ),
        conv(
            1,
            40,
            40,
            (5, 7),
            (1, 1),
            Conv2dConfig {
                groups: 2,
                ..config()
            },
        ),
        conv(1, 5, 5, (1, 1), (3, 3), Conv2dConfig { groups: 5, ..same3 }),
        conv(
            2,
            6,
            6,
            (13, 37),
            (3, 3),
            Conv2dConfig {
                groups: 6,
                activation: Activation::Relu6,
                ..same3
            },
        ),
        conv(
            1,
            7,
            7,
            (70, 19),
            (5, 5),
            Conv2dConfig {
                groups: 7,
                padding: Padding::all(2),
                relu_input: true,
                ..config()
            },
        ),
        conv(
            1,
            4,
            4,
            (16, 24),
            (5, 5),
            Conv2dConfig {
                groups: 4,
                stride: 2,
                padding: Padding::same((16, 24), 5, 2),
                ..config()
            },
        ),
        conv(
            1,
            3,
            3,
            (9, 11),
            (3, 3),
            Conv2dConfig {
                groups: 3,
                dilation: 2,
                padding: Padding::all(2),
                ..config()
            },
        ),
        // Kernels that read the map as it lies, on maps smaller than the kernel and at every edge of a vector.
        conv(
            1,
            3,
            3,
            (2, 1),
            (5, 5),
            Conv2dConfig {
                groups: 3,
                padding: Padding::all(2),
                ..config()
            },
        ),
        conv(
            1,
            2,
            2,
            (3, 17),
            (5, 5),
            Conv2dConfig {
                groups: 2,
                padding: Padding::all(2),
                ..config()
            },
        ),
        conv(1, 2, 2, (6, 16), (3, 3), Conv2dConfig { groups: 2, ..same3 }),
        conv(
            1,
            2,
            2,
            (7, 33),
            (3, 3),
            Conv2dConfig {
                groups: 2,
                activation: Activation::Gelu,
                ..same3
            },
        ),
        conv(
            1,
            3,
            3,
            (9, 40),
            (5, 5),
            Conv2dConfig {
                groups: 3,
                ..config()
            },
        ),
        conv(
            2,
            4,
            4,
            (11, 18),
            (3, 3),
            Conv2dConfig {
                groups: 4,
                padding: Padding {
                    top: 0,
                    bottom: 2,
                    left: 2,
                    right: 0,
                },
                ..config()
            },
        ),
        conv(
            2,
            30,
            13,
            (5, 7),
            (1, 1),
            Conv2dConfig {
                activation: Activation::Gelu,
                ..config()
            },
        ),
        conv(
            1,
            20,
            50,
            (16, 33),
            (1, 1),
            Conv2dConfig {
                activation: Activation::Relu,
                ..config()
            },
        ),
        conv(3, 7, 12, (1, 16), (1, 1), config()),
        conv(1, 300, 8, (3, 5), (1, 1), config()),
        // Enough channels for the kernel with fewer multiplications, on maps that its tiles do not divide.
        conv(1, 16, 16, (1, 1), (3, 3), same3),
        conv(2, 17, 33, (5, 4), (3, 3), same3),
        conv(1, 20, 130, (6, 7), (3, 3), same3),
        conv(2, 17, 33, (21, 39), (3, 3), dilated(2)),
        conv(1, 16, 18, (1, 2), (3, 3), dilated(2)),
        conv(1, 16, 16, (150, 9), (3, 3), dilated(2)),
        conv(
            1,
            16,
            20,
            (10, 140),
            (3, 3),
            Conv2dConfig {
                padding: Padding {
                    top: 0,
                    bottom: 3,
                    left: 1,
                    right: 0,
                },
                relu_input: true,
                activation: Activation::Relu,
                ..dilated(2)
            },
        ),
        conv(1, 16, 16, (17, 18), (3, 3), dilated(3)),
        conv(
            1,
            16,
            18,
            (9, 141),
            (3, 3),
            Conv2dConfig {
                activation: Activation::Relu6,
                ..same3
            },
        ),
        conv(
            1,
            19,
            16,
            (35, 3),
            (3, 3),
            Conv2dConfig {
                relu_input: true,
                ..config()
            },
        ),
        conv(
            1,
            16,
            17,
            (8, 70),
            (3, 3),
            Conv2dConfig {
                padding: Padding {
                    top: 0,
                    bottom: 3,
                    left: 2,
                    right: 1,
                },
                ..config()
            },
        ),
        conv(1, 1, 1, (9, 11), (3, 3), same3),
    ];
    for (i, case) in cases.into_iter().enumerate() {
        case.check(100 * i as u64 + 1);
        ConvCase {
            residual: true,
            ..case
        }
        .check(100 * i as u64 + 51);
    }
}

#[test]
fn a_convolution_says_what_does_not_fit() {
    let weight = single(&tensor(1, &[4, 3, 3, 3]));
    let layer = Conv2d::new(weight.clone(), None, Conv2dConfig::default()).unwrap();
    let error = |x: &[usize]| layer.forward(&single(&tensor(2, x))).unwrap_err().to_string();
    assert!(error(&[1, 2, 8, 8]).contains("3 input channels"));
    assert!(error(&[1, 3, 2, 8]).contains("3 x 3"), "{}", error(&[1, 3, 2, 8]));
    assert!(
        Conv2d::new(
            weight.clone(),
            None,
            Conv2dConfig {
                stride: 0,
                ..Default::default()
            }
        )
        .is_err()
    );
    assert!(
        Conv2d::new(
            weight.clone(),
            Some(single(&tensor(3, &[5]))),
            Conv2dConfig::default()
        )
        .is_err()
    );
    let residual = single(&tensor(4, &[1, 4, 6, 5]));
    assert!(
        layer
            .forward_add(&single(&tensor(2, &[1, 3, 8, 8])), &residual)
            .is_err()
    );
}

#[test]
fn tensorflow_same_padding_puts_the_odd_pixel_last() {
    assert_eq!(
        Padding::same((8, 8), 3, 2),
        Padding {
            top: 0,
            bottom: 1,
            left: 0,
            right: 1
        }
    );
    assert_eq!(
        Padding::same((8, 8), 5, 2),
        Padding {
            top: 1,
            bottom: 2,
            left: 1,
            right: 2
        }
    );
    assert_eq!(Padding::same((7, 9), 3, 2), Padding::all(1));
    assert_eq!(Padding::same((5, 5), 1, 2), Padding::default());
}

#[test]
fn a_batch_normalisation_folds_into_the_convolution_before_it() {
    let (x, weight, bias) = (
        tensor(1, &[1, 3, 6, 7]),
        tensor(2, &[4, 3, 3, 3]),
        tensor(3, &[4]),
    );
    let norm = BatchNorm {
        weight: tensor(4, &[4]),
        bias: tensor(5, &[4]),
        running_mean: tensor(6, &[4]),
        running_var: (tensor(7, &[4]) + 1.5).unwrap(),
        eps: 1e-3,
    };
    let plain = Conv2d::new(weight.clone(), Some(bias.clone()), Conv2dConfig::default()).unwrap();
    let y = values(&plain.forward(&x).unwrap());
    let part = |t: &Tensor| values(t);
    let (scale, shift) = (part(&norm.weight), part(&norm.bias));
    let (mean, var) = (part(&norm.running_mean), part(&norm.running_var));
    let want: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, y)| {
            let c = i / (4 * 5);
            (y - mean[c]) / (var[c] + 1e-3).sqrt() * scale[c] + shift[c]
        })
        .collect();
    let (weight, bias) = norm.fold(&weight, Some(&bias)).unwrap();
    let folded = Conv2d::new(weight, Some(bias), Conv2dConfig::default()).unwrap();
    assert_close(
        "folded",
        &folded.forward(&x).unwrap(),
        &[1, 4, 4, 5],
        &want,
        1e-12,
    );
    assert!(norm.fold(&tensor(2, &[5, 3, 3, 3]), None).is_err());
}

#[test]
fn transposed_convolutions_agree_with_plain_loops() {
    let cases = [
        (1, 1, 1, (1, 1), 2, 2, 0),
        (2, 5, 3, (9, 7), 4, 4, 0),
        (1, 33, 9, (19, 18), 2, 2, 0),
        (1, 4, 6, (5, 6), 4, 2, 1),
    ];
    for (b, inputs, outputs, (h, w), k, stride, padding) in cases {
        let what =
            format!("{b} x {inputs} -> {outputs}, {h} x {w}, kernel {k}, stride {stride}, padding {padding}");
        let (x, weight, bias) = (
            tensor(1, &[b, inputs, h, w]),
            tensor(2, &[inputs, outputs, k, k]),
            tensor(3, &[outputs]),
        );
        let (out_h, out_w) = (
            (h - 1) * stride + k - 2 * padding,
            (w - 1) * stride + k - 2 * padding,
        );
        let (xs, ws, bs) = (values(&x), values(&weight), values(&bias));
        let mut want: Vec<f64> = (0..b * outputs * out_h * out_w)
            .map(|i| bs[i / (out_h * out_w) % outputs])
            .collect();
        for bi in 0..b {
            for i in 0..inputs {
                for (y, z) in (0..h).flat_map(|y| (0..w).map(move |z| (y, z))) {
                    for o in 0..outputs {
                        for (ky, kx) in (0..k).flat_map(|y| (0..k).map(move |z| (y, z))) {
                            let row = (y * stride + ky).wrapping_sub(padding);
                            let column = (z * stride + kx).wrapping_sub(padding);
                            if row < out_h && column < out_w {
                                want[((bi * outputs + o) * out_h + row) * out_w + column] += xs
                                    [((bi * inputs + i) * h + y) * w + z]
                                    * ws[((i * outputs + o) * k + ky) * k + kx];
                            }
                        }
                    }
                }
            }
        }
        let shape = [b, outputs, out_h, out_w];
        let stock = ConvTranspose2d::new(weight.clone(), Some(bias.clone()), stride, padding).unwrap();
        assert_close(
            &format!("stock, {what}"),
            &stock.forward(&x).unwrap(),
            &shape,
            &want,
            1e-11,
        );
        let fused = ConvTranspose2d::new(single(&weight), Some(single(&bias)), stride, padding).unwrap();
        assert_close(
            &format!("fused, {what}"),
            &fused.forward(&single(&x)).unwrap(),
            &shape,
            &want,
            2e-5,
        );
        let got = fused.forward(&scattered(&single(&x))).unwrap();
        assert_close(&format!("scattered, {what}"), &got, &shape, &want, 2e-5);
        assert!(
            fused
                .forward(&single(&tensor(1, &[b, inputs + 1, h, w])))
                .is_err()
        );
    }
}

#[test]
fn linear_layers_agree_with_plain_loops() {
    for (batch, tokens, inputs, outputs) in [
        (1, 1, 1, 1),
        (1, 7, 3, 5),
        (2, 201, 33, 17),
        (1, 13, 64, 401),
        (1, 1, 320, 64),
    ] {
        for activation in [Activation::None, Activation::Relu, Activation::Gelu] {
            for with_residual in [false, true] {
                let what = format!(
                    "{batch} x {tokens}, {inputs} -> {outputs}, {activation:?}, residual {with_residual}"
                );
                let (x, weight) = (tensor(1, &[batch, tokens, inputs]), tensor(2, &[outputs, inputs]));
                let (bias, residual) = (tensor(3, &[outputs]), tensor(4, &[batch, tokens, outputs]));
                let (xs, ws, bs, rs) = (values(&x), values(&weight), values(&bias), values(&residual));
                let want: Vec<f64> = (0..batch * tokens * outputs)
                    .map(|i| {
                        let (row, o) = (i / outputs, i % outputs);
                        let dot: f64 = (0..inputs)
                            .map(|k| xs[row * inputs + k] * ws[o * inputs + k])
                            .sum();
                        activate(activation, dot + bs[o] + if with_residual { rs[i] } else { 0.0 })
                    })
                    .collect();
                let run = |layer: &Linear, x: &Tensor, residual: &Tensor| {
                    if with_residual {
                        layer.forward_add(x, residual)
                    } else {
                        layer.forward(x)
                    }
                    .unwrap()
                };
                let shape = [batch, tokens, outputs];
                let stock = Linear::new(weight.clone(), Some(bias.clone()), activation).unwrap();
                assert_close(
                    &format!("stock, {what}"),
                    &run(&stock, &x, &residual),
                    &shape,
                    &want,
                    1e-11,
                );
                let fused = Linear::new(single(&weight), Some(single(&bias)), activation).unwrap();
                let (x, residual) = (single(&x), single(&residual));
                assert_close(
                    &format!("fused, {what}"),
                    &run(&fused, &x, &residual),
                    &shape,
                    &want,
                    2e-5,
                );
                let got = run(&fused, &scattered(&x), &scattered(&residual));
                assert_close(&format!("scattered, {what}"), &got, &shape, &want, 2e-5);
            }
        }
    }
    let layer = Linear::new(single(&tensor(1, &[4, 3])), None, Activation::None).unwrap();
    assert_eq!(
        layer.forward(&single(&tensor(2, &[5, 3]))).unwrap().dims(),
        [5, 4]
    );
    assert!(
        layer
            .forward(&single(&tensor(2, &[5, 4])))
            .unwrap_err()
            .to_string()
            .contains("3 inputs")
    );
}

#[test]
fn attention_agrees_with_plain_loops() {
    for (b, n, heads, d) in [
        (1, 1, 1, 1),
        (2, 5, 3, 7),
        (1, 97, 2, 64),
        (1, 130, 1, 33),
        (2, 200, 2, 16),
    ] {
        let c = heads * d;
        // Larger numbers, so that the weights are far from equal.
        let qkv = (tensor(1, &[b, n, 3 * c]) * 3.0).unwrap();
        let qkv = single(&qkv).to_dtype(DType::F64).unwrap();
        let bias = tensor(2, &[heads, n, n]);
        let (xs, bs) = (values(&qkv), values(&bias));
        for with_bias in [false, true] {
            let what = format!("{b} x {n} tokens, {heads} heads of {d}, bias {with_bias}");
            let mut want = vec![0.0; b * n * c];
            for (bi, h) in (0..b).flat_map(|b| (0..heads).map(move |h| (b, h))) {
                let part =
                    |token: usize, part: usize, i: usize| xs[(bi * n + token) * 3 * c + part * c + h * d + i];
                for q in 0..n {
                    let scores: Vec<f64> = (0..n)
                        .map(|k| {
                            let dot: f64 = (0..d).map(|i| part(q, 0, i) * part(k, 1, i)).sum();
                            dot / (d as f64).sqrt() + if with_bias { bs[(h * n + q) * n + k] } else { 0.0 }
                        })
                        .collect();
                    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    for i in 0..d {
                        want[(bi * n + q) * c + h * d + i] =
                            (0..n).map(|k| weights[k] * part(k, 2, i)).sum::<f64>() / sum;
                    }
                }
            }
            let pick = |t: &Tensor| if with_bias { Some(t.clone()) } else { None };
            let got = attention(&qkv, heads, pick(&bias).as_ref()).unwrap();
            assert_close(&format!("stock, {what}"), &got, &[b, n, c], &want, 1e-11);
            let (x, y) = (single(&qkv), pick(&single(&bias)));
            let got = attention(&x, heads, y.as_ref()).unwrap();
            assert_close(&format!("fused, {what}"), &got, &[b, n, c], &want, 2e-5);
            let got = attention(&scattered(&x), heads, y.as_ref()).unwrap();
            assert_close(&format!("scattered, {what}"), &got, &[b, n, c], &want, 2e-5);
        }
    }
    let qkv = single(&tensor(1, &[1, 4, 10]));
    assert!(attention(&qkv, 3, None).is_err());
    assert!(
        attention(
            &single(&tensor(1, &[1, 4, 12])),
            2,
            Some(&single(&tensor(1, &[1, 4, 4])))
        )
        .is_err()
    );
}

#[test]
fn layer_norm_agrees_with_plain_loops() {
    for (shape, eps) in [
        (vec![1, 1, 1], 1e-5),
        (vec![2, 70, 33], 1e-6),
        (vec![5, 384], 1e-6),
    ] {
        let c = shape[shape.len() - 1];
        // A mean far from zero: the variance must not be computed as a difference of large numbers.
        let x = single(&((tensor(1, &shape) * 2.0).unwrap() + 30.0).unwrap())
            .to_dtype(DType::F64)
            .unwrap();
        let (weight, bias) = (tensor(2, &[c]), tensor(3, &[c]));
        let (ws, bs) = (values(&weight), values(&bias));
        let want: Vec<f64> = values(&x)
            .chunks(c)
            .flat_map(|x| {
                let mean = x.iter().sum::<f64>() / c as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
                let row: Vec<f64> = (0..c)
                    .map(|i| (x[i] - mean) / (variance + eps).sqrt() * ws[i] + bs[i])
                    .collect();
                row
            })
            .collect();
        let stock = LayerNorm::new(weight.clone(), bias.clone(), eps).unwrap();
        assert_close("stock", &stock.forward(&x).unwrap(), &shape, &want, 1e-9);
        let fused = LayerNorm::new(single(&weight), single(&bias), eps).unwrap();
        assert_close("fused", &fused.forward(&single(&x)).unwrap(), &shape, &want, 3e-5);
        assert_close(
            "scattered",
            &fused.forward(&scattered(&single(&x))).unwrap(),
            &shape,
            &want,
            3e-5,
        );
        assert!(fused.forward(&single(&tensor(1, &[2, c + 1]))).is_err());
    }
}

#[test]
fn group_norm_agrees_with_plain_loops() {
    for (shape, groups, activation) in [
        ([1, 2, 1, 1], 1, Activation::None),
        ([2, 6, 5, 7], 3, Activation::Relu),
        ([1, 64, 9, 16], 32, Activation::Gelu),
    ] {
        let (c, plane) = (shape[1], shape[2] * shape[3]);
        // A mean far from zero, as in the test above.
        let x = single(&((tensor(1, &shape) * 2.0).unwrap() + 30.0).unwrap())
            .to_dtype(DType::F64)
            .unwrap();
        let residual = tensor(4, &shape);
        let (weight, bias) = (tensor(2, &[c]), tensor(3, &[c]));
        let (ws, bs, rs) = (values(&weight), values(&bias), values(&residual));
        let normalised: Vec<f64> = values(&x)
            .chunks(c / groups * plane)
            .flat_map(|x| {
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
                let group: Vec<f64> = x.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt()).collect();
                group
            })
            .enumerate()
            .map(|(i, x)| x * ws[i / plane % c] + bs[i / plane % c])
            .collect();
        let want: Vec<f64> = normalised.iter().map(|&x| activate(activation, x)).collect();
        let added: Vec<f64> = normalised
            .iter()
            .zip(&rs)
            .map(|(x, r)| activate(activation, x + r))
            .collect();
        let stock = GroupNorm::new(weight.clone(), bias.clone(), groups, 1e-5, activation).unwrap();
        assert_close("stock", &stock.forward(&x).unwrap(), &shape, &want, 1e-9);
        assert_close(
            "stock, added",
            &stock.forward_add(&x, &residual).unwrap(),
            &shape,
            &added,
            1e-9,
        );
        let fused = GroupNorm::new(single(&weight), single(&bias), groups, 1e-5, activation).unwrap();
        let x = single(&x);
        assert_close("fused", &fused.forward(&x).unwrap(), &shape, &want, 3e-5);
        assert_close(
            "scattered",
            &fused.forward(&scattered(&x)).unwrap(),
            &shape,
            &want,
            3e-5,
        );
        let residual = scattered(&single(&residual));
        assert_close(
            "fused, added",
            &fused.forward_add(&x, &residual).unwrap(),
            &shape,
            &added,
            3e-5,
        );
        assert!(fused.forward(&single(&tensor(1, &[1, c + 1, 2, 2]))).is_err());
        assert!(fused.forward_add(&x, &single(&tensor(1, &[1, c, 2, 2]))).is_err());
    }
    let (weight, bias) = (tensor(2, &[6]), tensor(3, &[6]));
    assert!(GroupNorm::new(weight.clone(), bias, 4, 1e-5, Activation::None).is_err());
    assert!(GroupNorm::new(weight, tensor(3, &[5]), 3, 1e-5, Activation::None).is_err());
}

#[test]
fn relative_position_bias_looks_every_pair_up() {
    for (heads, h, w) in [(1, 1, 1), (2, 3, 5), (3, 4, 1)] {
        let (offsets, tokens) = ((2 * h - 1) * (2 * w - 1), 1 + h * w);
        let table = tensor(1, &[heads, offsets + 3]);
        let entries = values(&table);
        let mut want = Vec::new();
        for head in 0..heads {
            for (query, key) in (0..tokens).flat_map(|query| (0..tokens).map(move |key| (query, key))) {
                let place = |token: usize| (((token - 1) / w) as isize, ((token - 1) % w) as isize);
                let entry = match (query, key) {
                    (0, 0) => offsets + 2,
                    (0, _) => offsets,
                    (_, 0) => offsets + 1,
                    _ => {
                        let ((y0, x0), (y1, x1)) = (place(query), place(key));
                        ((y0 - y1 + h as isize - 1) * (2 * w as isize - 1) + x0 - x1 + w as isize - 1)
                            as usize
                    }
                };
                want.push(entries[head * (offsets + 3) + entry]);
            }
        }
        let shape = [heads, tokens, tokens];
        let stock = relative_position_bias(&table, (h, w)).unwrap();
        assert_close("stock", &stock, &shape, &want, 0.0);
        let fused = relative_position_bias(&single(&table), (h, w)).unwrap();
        assert_close("fused", &fused, &shape, &want, 0.0);
        assert!(relative_position_bias(&table, (h + 1, w)).is_err());
        assert!(relative_position_bias(&table, (0, w)).is_err());
    }
}

#[test]
fn log_binomial_mean_agrees_with_plain_loops() {
    for (b, bins, h, w) in [(1, 1, 1, 1), (2, 5, 3, 7), (1, 64, 25, 33)] {
        let plane = h * w;
        let centres = single(&tensor(1, &[b, bins, h, w])).to_dtype(DType::F64).unwrap();
        let probability = ((tensor(2, &[b, 1, h, w]) * 0.5).unwrap() + 0.5).unwrap();
        let temperature = ((tensor(3, &[b, 1, h, w]) * 4.9).unwrap() + 5.0).unwrap();
        let shape = single(&Tensor::cat(&[probability, temperature], 1).unwrap())
            .to_dtype(DType::F64)
            .unwrap();
        let (shapes, values) = (values(&shape), values(&centres));
        let mut want = Vec::new();
        for (picture, pixel) in (0..b).flat_map(|picture| (0..plane).map(move |pixel| (picture, pixel))) {
            let (p, t) = (
                shapes[picture * 2 * plane + pixel],
                shapes[(picture * 2 + 1) * plane + pixel],
            );
            let weights: Vec<f64> = (0..bins)
                .map(|k| {
                    let (n, k) = ((bins - 1) as f64, k as f64);
                    let part = |x: f64| x * (x + 1e-7).ln();
                    let coefficient = part(n) - part(k) - part(n - k);
                    let (p, q) = (p.clamp(1e-4, 1.0), (1.0 - p).clamp(1e-4, 1.0));
                    ((coefficient + k * p.ln() + (n - k) * q.ln()) / t).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            let mean = weights
                .iter()
                .enumerate()
                .map(|(k, weight)| weight * values[(picture * bins + k) * plane + pixel]);
            want.push(mean.sum::<f64>() / total);
        }
        let out = [b, 1, h, w];
        assert_close(
            "stock",
            &log_binomial_mean(&shape, &centres).unwrap(),
            &out,
            &want,
            2e-5,
        );
        let fused = log_binomial_mean(&single(&shape), &scattered(&single(&centres))).unwrap();
        assert_close("fused", &fused, &out, &want, 5e-5);
        assert!(log_binomial_mean(&centres, &shape).is_err() || bins == 2);
    }
}

#[test]
fn bilinear_agrees_with_plain_loops() {
    let sizes = [
        ((1, 1), (3, 4)),
        ((5, 7), (1, 1)),
        ((4, 6), (8, 12)),
        ((19, 17), (37, 50)),
        ((40, 9), (13, 21)),
        ((6, 6), (6, 6)),
    ];
    for ((h, w), (out_h, out_w)) in sizes {
        for align in [false, true] {
            let what = format!("{h} x {w} -> {out_h} x {out_w}, align_corners {align}");
            let x = tensor(7, &[2, 3, h, w]);
            let xs = values(&x);
            let at = |i: usize, input: usize, output: usize| {
                let at = if align {
                    if output == 1 {
                        0.0
                    } else {
                        (i * (input - 1)) as f64 / (output - 1) as f64
                    }
                } else {
                    ((i as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0)
                };
                let low = (at.floor() as usize).min(input - 1);
                (low, (low + 1).min(input - 1), at - low as f64)
            };
            let mut want = Vec::new();
            for plane in xs.chunks(h * w) {
                for y in 0..out_h {
                    let (y0, y1, fy) = at(y, h, out_h);
                    for z in 0..out_w {
                        let (z0, z1, fz) = at(z, w, out_w);
                        let row = |y: usize| plane[y * w + z0] * (1.0 - fz) + plane[y * w + z1] * fz;
                        want.push(row(y0) * (1.0 - fy) + row(y1) * fy);
                    }
                }
            }
            let shape = [2, 3, out_h, out_w];
            assert_close(
                &format!("stock, {what}"),
                &bilinear(&x, (out_h, out_w), align).unwrap(),
                &shape,
                &want,
                5e-6,
            );
            let x = single(&x);
            assert_close(
                &format!("fused, {what}"),
                &bilinear(&x, (out_h, out_w), align).unwrap(),
                &shape,
                &want,
                5e-6,
            );
            let got = bilinear(&scattered(&x), (out_h, out_w), align).unwrap();
            assert_close(&format!("scattered, {what}"), &got, &shape, &want, 5e-6);
        }
    }
    assert!(bilinear(&single(&tensor(1, &[1, 1, 2, 2])), (0, 3), true).is_err());
}

#[test]
fn max_pool_agrees_with_plain_loops() {
    let cases = [
        ((1, 1), 1, 1, Padding::default()),
        ((7, 9), 3, 2, Padding::all(1)),
        (
            (8, 6),
            3,
            2,
            Padding {
                top: 0,
                bottom: 1,
                left: 0,
                right: 1,
            },
        ),
        (
            (5, 5),
            2,
            2,
            Padding {
                top: 0,
                bottom: 1,
                left: 0,
                right: 1,
            },
        ),
        ((6, 11), 2, 2, Padding::default()),
    ];
    for ((h, w), kernel, stride, padding) in cases {
        let what = format!("{h} x {w}, kernel {kernel}, stride {stride}, {padding:?}");
        // All negative: a zero of the padding would win.
        let x = (tensor(3, &[2, 3, h, w]) - 2.0).unwrap();
        let out_h = (h + padding.top + padding.bottom - kernel) / stride + 1;
        let out_w = (w + padding.left + padding.right - kernel) / stride + 1;
        let mut want = Vec::new();
        for plane in values(&x).chunks(h * w) {
            for (y, z) in (0..out_h).flat_map(|y| (0..out_w).map(move |z| (y, z))) {
                let mut largest = f64::NEG_INFINITY;
                for (ky, kx) in (0..kernel).flat_map(|y| (0..kernel).map(move |z| (y, z))) {
                    let row = (y * stride + ky).wrapping_sub(padding.top);
                    let column = (z * stride + kx).wrapping_sub(padding.left);
                    if row < h && column < w {
                        largest = largest.max(plane[row * w + column]);
                    }
                }
                want.push(largest);
            }
        }
        let shape = [2, 3, out_h, out_w];
        assert_close(
            &format!("stock, {what}"),
            &max_pool2d(&x, kernel, stride, padding).unwrap(),
            &shape,
            &want,
            0.0,
        );
        let x = single(&x);
        assert_close(
            &format!("fused, {what}"),
            &max_pool2d(&x, kernel, stride, padding).unwrap(),
            &shape,
            &want,
            1e-7,
        );
        let got = max_pool2d(&scattered(&x), kernel, stride, padding).unwrap();
        assert_close(&format!("scattered, {what}"), &got, &shape, &want, 1e-7);
    }
    assert!(max_pool2d(&single(&tensor(1, &[1, 1, 2, 2])), 3, 1, Padding::default()).is_err());
}

#[test]
fn results_do_not_depend_on_the_thread_count() {
    let x = single(&tensor(1, &[1, 24, 61, 47]));
    let conv = |kernel: usize, groups: usize| {
        let config = Conv2dConfig {
            padding: Padding::all(kernel / 2),
            groups,
            ..Default::default()
        };
        Conv2d::new(
            single(&tensor(2, &[24, 24 / groups, kernel, kernel])),
            None,
            config,
        )
        .unwrap()
    };
    let (dense, point, depthwise) = (conv(3, 1), conv(1, 1), conv(5, 24));
    let qkv = single(&tensor(3, &[1, 301, 96]));
    let linear = Linear::new(single(&tensor(4, &[400, 96])), None, Activation::Gelu).unwrap();
    let norm = LayerNorm::new(single(&tensor(5, &[96])), single(&tensor(6, &[96])), 1e-6).unwrap();
    let run = || {
        let y = bilinear(
            &point.forward(&dense.forward(&x).unwrap()).unwrap(),
            (100, 90),
            true,
        )
        .unwrap();
        let t = linear.forward(&norm.forward(&qkv).unwrap()).unwrap();
        [
            depthwise.forward(&y).unwrap(),
            attention(&qkv, 4, None).unwrap(),
            t,
        ]
        .map(|t| {
            t.flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<_>>()
        })
    };
    let alone = rayon_pool(1).install(run);
    for threads in [2, 3, 7] {
        assert!(rayon_pool(threads).install(run) == alone, "{threads} threads");
    }
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
}
