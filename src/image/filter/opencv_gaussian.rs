//! Gaussians whose sigma is their size, to the last bit as OpenCV has them.
//!
//! OpenCV computes its kernels with an exponential function of its own, which
//! is up to two units in the last place away from the true one, and the
//! functions of operating systems differ from each other as well. A large Sobel
//! kernel makes such a unit visible, so the weights are written down.

/// Size of the first kernel of [`WEIGHTS`]; the others follow in steps of 2.
const SMALLEST: usize = 3;

/// The weights as bits, from the outermost to the centre: `cv2.getGaussianKernel(n, n)` of OpenCV 4.14.
const WEIGHTS: [&[u64]; 15] = [
    &[0x3fd4_ef47_6156_2119, 0x3fd6_2171_3d53_bdcd],
    &[
        0x3fc8_951d_7c11_1b7e,
        0x3fca_1a42_7aa2_6f3d,
        0x3fca_a140_1298_ea89,
    ],
    &[
        0x3fc1_5d89_57ad_4f0a,
        0x3fc2_463c_3c8c_16d8,
        0x3fc2_d7a9_3ffd_a552,
        0x3fc3_0922_5791_e994,
    ],
    &[
        0x3fba_d5a8_0c5e_f70c,
        0x3fbc_04ff_fdde_c68a,
        0x3fbc_e5d7_3cdf_6a8a,
        0x3fbd_701d_3b03_97e3,
        0x3fbd_9ec6_fbbe_7ff9,
    ],
    &[
        0x3fb5_dc0a_cb23_74ae,
        0x3fb6_b013_eb15_7abc,
        0x3fb7_5a88_8f77_52d5,
        0x3fb7_d757_7d8e_5e17,
        0x3fb8_2379_541d_be95,
        0x3fb8_3d0f_d147_4236,
    ],
    &[
        0x3fb2_7065_0a2c_2d65,
        0x3fb3_0c8b_4acb_4fe2,
        0x3fb3_9023_1a57_3440,
        0x3fb3_f8ef_f983_6a38,
        0x3fb4_4522_804c_357e,
        0x3fb4_7365_adbb_fa9f,
        0x3fb4_82e8_d24b_684c,
    ],
    &[
        0x3faf_e307_3304_39d6,
        0x3fb0_6924_e631_6458,
        0x3fb0_d11a_ae11_c797,
        0x3fb1_2812_b635_0321,
        0x3fb1_6ced_aa79_280a,
        0x3fb1_9ec5_48cc_0a92,
        0x3fb1_bcf1_6278_9425,
        0x3fb1_c70b_8c8f_da8d,
    ],
    &[
        0x3fac_15b7_ef72_5bea,
        0x3fac_d2be_bb4b_497b,
        0x3fad_7a95_5701_2a26,
        0x3fae_0b94_2bf0_f90b,
        0x3fae_8447_f95c_dca9,
        0x3fae_e378_0220_924c,
        0x3faf_282b_515f_b80e,
        0x3faf_51ac_f66a_600d,
        0x3faf_5f8f_1e11_60dc,
    ],
    &[
        0x3fa9_17ad_fe64_b6e2,
        0x3fa9_b0b9_74fb_58b6,
        0x3faa_3aca_0a06_2048,
        0x3faa_b4c9_a372_b96c,
        0x3fab_1dbf_2b50_bf7a,
        0x3fab_74d1_de1d_5e08,
        0x3fab_b94c_33f5_1186,
        0x3fab_ea9e_56ad_6097,
        0x3fac_0860_18e3_d4b9,
        0x3fac_1252_6465_64ac,
    ],
    &[
        0x3fa6_ad19_3953_93e8,
        0x3fa7_2b82_22bb_7743,
        0x3fa7_9ef1_8031_96c0,
        0x3fa8_06a9_7899_8918,
        0x3fa8_61fd_49c2_4f37,
        0x3fa8_b053_2744_7db1,
        0x3fa8_f125_e9ad_03fd,
        0x3fa9_2406_875a_4df3,
        0x3fa9_489d_5137_e61c,
        0x3fa9_5eaa_ee68_cbaf,
        0x3fa9_6609_12ee_08c3,
    ],
    &[
        0x3fa4_af26_4803_200b,
        0x3fa5_194d_4010_9ffb,
        0x3fa5_7b2d_40df_aac6,
        0x3fa5_d440_6566_371f,
        0x3fa6_240b_5bc1_d77b,
        0x3fa6_6a1e_8156_f5c2,
        0x3fa6_a616_e6d3_4a7d,
        0x3fa6_d79f_38c4_b9ea,
        0x3fa6_fe70_89c7_c568,
        0x3fa7_1a52_fbaf_61d4,
        0x3fa7_2b1e_4571_cc3c,
        0x3fa7_30ba_1419_31d9,
    ],
    &[
        0x3fa3_0388_bb7c_c924,
        0x3fa3_5ded_00af_4b8e,
        0x3fa3_b1ec_2bb8_377a,
        0x3fa3_ff25_29db_4fc4,
        0x3fa4_453d_b9cb_bcb7,
        0x3fa4_83e3_1b37_1756,
        0x3fa4_baca_b167_051e,
        0x3fa4_e9b2_973a_742e,
        0x3fa5_1062_22db_fd23,
        0x3fa5_2eaa_57c5_1c85,
        0x3fa5_4466_45cd_4cff,
        0x3fa5_517b_5437_ec3f,
        0x3fa5_55d9_77eb_8796,
    ],
    &[
        0x3fa1_97ce_80e3_f147,
        0x3fa1_e5b2_c43c_d8c2,
        0x3fa2_2e8c_3fa3_3100,
        0x3fa2_7212_e3d9_4170,
        0x3fa2_b003_2ebd_2772,
        0x3fa2_e81e_9b98_0237,
        0x3fa3_1a2c_0c2a_76bf,
        0x3fa3_45f8_297f_ba96,
        0x3fa3_6b55_bba1_92b7,
        0x3fa3_8a1d_f75b_ad67,
        0x3fa3_a230_c153_3b29,
        0x3fa3_b374_e5d0_6a9c,
        0x3fa3_bdd8_44b2_238d,
        0x3fa3_c14f_f120_be23,
    ],
    &[
        0x3fa0_5ea5_c469_2d0b,
        0x3fa0_a275_bf9c_5a0c,
        0x3fa0_e23a_2e0c_b8c5,
        0x3fa1_1dbc_7748_04ac,
        0x3fa1_54c9_2405_9eff,
        0x3fa1_8730_2837_2f49,
        0x3fa1_b4c5_28d7_637b,
        0x3fa1_dd5f_bce8_ff47,
        0x3fa2_00db_a921_0453,
        0x3fa2_1f19_15c0_b614,
        0x3fa2_37fc_be2f_7bf3,
        0x3fa2_4b70_19f1_0fb2,
        0x3fa2_5961_7ea1_dce8,
        0x3fa2_61c4_3ab1_d5bd,
        0x3fa2_6490_a8a5_238e,
    ],
    &[
        0x3f9e_9c65_988b_963b,
        0x3f9f_1388_4f7e_9f9a,
        0x3f9f_8414_5336_0244,
        0x3f9f_edb5_6c20_bbe8,
        0x3fa0_280d_e691_21c5,
        0x3fa0_557e_3bf1_beeb,
        0x3fa0_7f08_cdfb_1c17,
        0x3fa0_a48d_7811_34d8,
        0x3fa0_c5ef_029e_bb9b,
        0x3fa0_e313_48fb_1215,
        0x3fa0_fbe3_5b85_d021,
        0x3fa1_104b_9db9_9522,
        0x3fa1_203b_dffe_f559,
        0x3fa1_2ba7_750f_ece0,
        0x3fa1_3285_42c4_4a4c,
        0x3fa1_34cf_ce27_e9ca,
    ],
];

/// The Gaussian of `size` places with a sigma of `size`, for odd sizes from 3 to 31.
pub(crate) fn gaussian_of_its_size(size: usize) -> Option<Vec<f64>> {
    if size.is_multiple_of(2) {
        return None;
    }
    let half = WEIGHTS.get(size.checked_sub(SMALLEST)? / 2)?;
    let center = half.iter().map(|&bits| f64::from_bits(bits));
    Some(center.clone().chain(center.rev().skip(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::filter::kernel;

    #[test]
    fn the_written_weights_are_those_of_the_formula() {
        for size in (3..=31).step_by(2) {
            let (written, computed) = (
                gaussian_of_its_size(size).unwrap(),
                kernel::gaussian(size, size as f64).unwrap(),
            );
            assert_eq!(written.len(), size);
            for (written, computed) in written.iter().zip(computed) {
                assert!(
                    (written - computed).abs() <= 4.0 * f64::EPSILON * computed,
                    "{size}"
                );
            }
        }
        for size in [0, 1, 2, 4, 33] {
            assert_eq!(gaussian_of_its_size(size), None);
        }
    }
}
