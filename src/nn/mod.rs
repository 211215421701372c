//! Floor 0: candle building blocks and the fused CPU kernels behind them.
