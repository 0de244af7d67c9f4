using Attention.Simd;

Console.WriteLine(SimdWidths.Preferred);
