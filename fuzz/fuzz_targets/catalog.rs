#![no_main]

use libfuzzer_sys::fuzz_target;
use rilievo::weights::catalog;
use rilievo::weights::hub::Hub;

fuzz_target!(|text: &str| {
    let _ = catalog::find(text);
    let _ = text.parse::<rilievo::run::DeviceChoice>();
    let hub = Hub {
        endpoint: "https://hub.invalid".into(),
        token: None,
        offline: Some("unset RILIEVO_OFFLINE".into()),
        cache: Some("/nowhere".into()),
    };
    assert!(hub.cached(text).is_none());
    let _ = hub.address(text);
});
