#pragma warning disable
using System.Numerics.Tensors;
namespace Attention.Positions;
public enum RotaryLayout { Interleaved, Half }
public readonly record struct PositionOptions { public int MaxDegreeOfParallelism { get; init; } }
public sealed class RotaryTable {}
public static class Rotary { public static void Apply(in ReadOnlyTensorSpan<float> a, RotaryTable t, int o, RotaryLayout l, in TensorSpan<float> b,in PositionOptions th=default){ a.CopyTo(b);} public static void ApplyInverse(in ReadOnlyTensorSpan<float> a, RotaryTable t, int o, RotaryLayout l, in TensorSpan<float> b,in PositionOptions th=default){a.CopyTo(b);}
 public static void Apply(in ReadOnlyTensorSpan<float> a, RotaryTable t, ReadOnlySpan<int> o, RotaryLayout l, in TensorSpan<float> b,in PositionOptions th=default){ a.CopyTo(b);} public static void ApplyInverse(in ReadOnlyTensorSpan<float> a, RotaryTable t, ReadOnlySpan<int> o, RotaryLayout l, in TensorSpan<float> b,in PositionOptions th=default){a.CopyTo(b);} }
