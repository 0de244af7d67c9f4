#pragma warning disable
using System.Numerics.Tensors;
namespace Attention.Positions;
public sealed class RotaryTable {}
public static class Rotary { public static void Apply(in ReadOnlyTensorSpan<float> a, RotaryTable t, int o, in TensorSpan<float> b,int th=0){ a.CopyTo(b);} public static void ApplyInverse(in ReadOnlyTensorSpan<float> a, RotaryTable t, int o, in TensorSpan<float> b,int th=0){a.CopyTo(b);} }
