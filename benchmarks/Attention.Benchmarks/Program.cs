using Attention.Benchmarks.Setup;
using BenchmarkDotNet.Running;

// For example: --filter *Forward* --job short
BenchmarkSwitcher.FromAssembly(typeof(WidthConfig).Assembly).Run(args, new WidthConfig(args));
