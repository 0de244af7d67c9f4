using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Dropout of single elements (Srivastava et al., "Dropout", 2014), scaled so that the mean is kept.</summary>
/// <remarks>
/// Whether an element is kept depends on the seed and on its number in row-major order alone: on no layout, width or number of
/// threads. So the same call, with the output's gradient for input, is the backward pass. What is dropped is not looked
/// at: NaN and infinity give 0. Nothing is allocated once the working memory has grown.
/// </remarks>
public static unsafe class ElementDropout
{
    /// <summary>Computes <c>output = keep input / (1 - probability) + beta output</c>, with keep 0 or 1.</summary>
    /// <param name="input">The elements, of any shape and strides.</param>
    /// <param name="probability">The probability of being dropped, in [0, 1]; with 1 every element is.</param>
    /// <param name="seed">What decides which are.</param>
    /// <param name="output">Receives the result, of the same shape. It may be <paramref name="input"/> itself.</param>
    /// <param name="beta">The factor on what <paramref name="output"/> held; with zero it is not read.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="probability"/> is no probability, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the shapes differ; the elements of the output overlap each other; or the output overlaps the
    /// input without being the same.
    /// </exception>
    public static void Apply(
        in ReadOnlyTensorSpan<float> input,
        float probability,
        ulong seed,
        in TensorSpan<float> output,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Apply(input, probability, seed, output, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    internal static void Apply(
        in ReadOnlyTensorSpan<float> input,
        float probability,
        ulong seed,
        in TensorSpan<float> output,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Fraction(probability, oneIsAllowed: true, nameof(probability));
        OperatorCheck.Present(input, nameof(input));
        OperatorCheck.SameShape(output, nameof(output), input, nameof(input));
        OperatorCheck.Written(output, nameof(output));
        OperatorCheck.SameOrDisjoint(output, nameof(output), input, nameof(input));
        if (output.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* inputAddress = input, outputAddress = output)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(output.Rank));
            LoopAxes axes = new(memory.Memory, output.Lengths);
            axes.Set(LoopAxes.First, outputAddress, output);
            axes.Set(LoopAxes.Second, inputAddress, input);

            // No memory: its "address" counts the elements, whose order decides what is kept.
            axes.SetRowMajor(LoopAxes.Third, null);
            axes.ArrangeInOrder();
            PanelLoop.Run(axes, new Kernel(probability, seed, beta), maxDegreeOfParallelism, width);
        }
    }

    /// <summary>The factors of a stretch of a row in scratch memory, then their products.</summary>
    private readonly struct Kernel(float probability, ulong seed, float beta) : IPanelKernel
    {
        private const int Stretch = 1024;

        public void Invoke<TSimd, TVector>(in Panel panel)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            using Scratch.Rental memory = Scratch.Rent(Stretch);
            PanelOperand factors = new() { Address = memory.Memory, ColumnStride = 1 };
            for (nint row = 0; row < panel.Rows; row++)
            {
                for (nint column = 0; column < panel.Columns; column += Stretch)
                {
                    int count = (int)Math.Min(Stretch, panel.Columns - column);
                    long element = (long)panel.Third.At(row, column) / sizeof(float);
                    DropoutMask.FillKeepOfElements(seed, element, count, probability, factors.Address);
                    Panel part = new() { Rows = 1, Columns = count, First = panel.First, Second = panel.Second, Third = factors };
                    part.First.Address = panel.First.At(row, column);
                    part.Second.Address = panel.Second.At(row, column);
                    new MapKernel<KeepFunction>(default, beta).Invoke<TSimd, TVector>(part);
                }
            }
        }
    }

    /// <summary>a b, but 0 where b is, whatever a is.</summary>
    private readonly struct KeepFunction : IElementFunction
    {
        public static bool TakesTwo => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            TSimd.Select(TSimd.Equals(second, TSimd.Zero), TSimd.Zero, TSimd.Multiply(first, second));
    }
}
